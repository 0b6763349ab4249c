import { expect, it } from "vitest";
import { previewPlace } from "./origin";

const place = (body: string, status = 200) =>
  previewPlace(async () => new Response(body, { status }), "https://nestbox.example");

it("is the origin that config.json names", async () => {
  expect(await place('{"preview":"http://localhost:8081"}')).toEqual({ origin: "http://localhost:8081" });
  expect(await place('{"preview":"https://preview.example/"}')).toEqual({
    origin: "https://preview.example",
  });
});

it.each([
  ['{"preview":null}', 200, /no second address/],
  ["{}", 200, /no second address/],
  ["[]", 200, /no second address/],
  ["<html>", 200, /could not be read/],
  ["", 404, /status 404/],
  ['{"preview":"preview.example"}', 200, /no address/],
  ['{"preview":7}', 200, /no address/],
  ['{"preview":"javascript:alert(1)"}', 200, /no http or https/],
  ['{"preview":"https://nestbox.example/previews"}', 200, /own address/],
])("is missing with a reason: %s", async (body, status, reason) => {
  expect(await place(body, status)).toMatchObject({ reason: expect.stringMatching(reason) as string });
});

it("is missing with a reason when nothing can be fetched", async () => {
  const place = previewPlace(() => Promise.reject(new TypeError("offline")), "https://nestbox.example");
  expect(await place).toEqual({ reason: "config.json could not be read" });
});
