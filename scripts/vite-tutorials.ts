/** Brings lessons and talks to the page: `virtual:nestbox-tutorials` (tutorials/virtual.d.ts), each text a chunk of its own. */
import { join } from "node:path";
import type { Plugin } from "vite";
import type { Compiled } from "./tutorials/compile.ts";
import { compileFolder } from "./tutorials/files.ts";

const NAME = "virtual:nestbox-tutorials";
const RESOLVED = `\0${NAME}`;
/** `virtual:nestbox-tutorials/lesson/<id>`, `…/talk/<id>` */
const PART = /^\0?virtual:nestbox-tutorials\/(lesson|talk)\/(.+)$/;

export function tutorials(top: string): Plugin {
  const folder = join(top, "tutorials");
  let command = "";
  let compiled: Compiled | undefined;
  const content = (): Compiled => (compiled ??= compileFolder(folder));
  return {
    name: "nestbox-tutorials",
    resolveId(id) {
      return id === NAME || PART.test(id) ? `\0${id}` : undefined;
    },
    load(id) {
      if (id === RESOLVED) return indexText(content());
      const [, kind, name] = PART.exec(id) ?? [];
      if (kind === undefined) return undefined;
      const { lessons, talks } = content();
      const found = (kind === "lesson" ? lessons : talks).get(name ?? "");
      // JSON.parse of a string is faster to load than the same as an object.
      return found && `export default JSON.parse(${JSON.stringify(JSON.stringify(found))});`;
    },
    configResolved(config) {
      command = config.command;
    },
    // A build fails here, once and with everything that is wrong; in development the page shows it.
    buildStart() {
      compiled = undefined;
      if (command === "build") content();
    },
    configureServer(server) {
      server.watcher.add(folder);
      server.watcher.on("all", (_event, file) => {
        if (!file.startsWith(folder)) return;
        compiled = undefined;
        for (const [id, node] of server.moduleGraph.idToModuleMap)
          if (id === RESOLVED || PART.test(id)) server.moduleGraph.invalidateModule(node);
        server.ws.send({ type: "full-reload" });
      });
    },
  };
}

function indexText({ courses, lessons, talks }: Compiled): string {
  const loaders = (kind: string, ids: Iterable<string>): string =>
    `{${[...ids].map((id) => `${JSON.stringify(id)}: () => import(${JSON.stringify(`${NAME}/${kind}/${id}`)})`).join(",")}}`;
  const talkList = [...talks.values()].map(({ id, title, minutes }) => ({ id, title, minutes }));
  return `
export const courses = ${JSON.stringify(courses)};
export const talks = ${JSON.stringify(talkList)};
const lessonParts = ${loaders("lesson", lessons.keys())};
const talkParts = ${loaders("talk", talks.keys())};
async function load(parts, kind, id) {
  if (!Object.hasOwn(parts, id)) throw new Error("There is no " + kind + " " + JSON.stringify(String(id).slice(0, 80)) + ".");
  return (await parts[id]()).default;
}
export const loadLesson = (id) => load(lessonParts, "lesson", id);
export const loadTalk = (id) => load(talkParts, "talk", id);
`;
}
