/** What scripts/vite-tutorials.ts makes of this folder. */
declare module "virtual:nestbox-tutorials" {
  // An import declaration with a relative path does not resolve in an ambient module; an import type does.
  type Course = import("./types").Course;
  type Lesson = import("./types").Lesson;
  type Talk = import("./types").Talk;
  type TalkSummary = import("./types").TalkSummary;

  export const courses: readonly Course[];
  export const talks: readonly TalkSummary[];
  /** Reject when there is none of that id, or its chunk cannot be fetched. */
  export function loadLesson(id: string): Promise<Lesson>;
  export function loadTalk(id: string): Promise<Talk>;
}
