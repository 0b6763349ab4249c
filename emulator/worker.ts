/** The worker of one machine: a Sandbox behind Comlink (control/service.ts), its terminals and events on message ports. */
import * as Comlink from "comlink";
import * as assets from "virtual:nestbox-assets";
import { openImages } from "../images";
import { downloadingStarter } from "./control/download";
import { Sandbox } from "./control/sandbox";
import { Service } from "./control/service";
import { carryErrors } from "./control/wire";

const service = new Service(
  ({ cold, memory, image }) =>
    new Sandbox({
      machine: downloadingStarter(assets, cold, memory),
      images: Promise.resolve(openImages({ registry: assets.registry })),
      ...(memory === undefined ? {} : { memory }),
      ...(image === undefined ? {} : { image }),
    }),
);

carryErrors();
Comlink.expose(service.owner());
