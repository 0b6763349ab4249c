/** Where in the lessons the page is, kept in the address: `#/learn[/<course>/<lesson>[/<step>]]`. */

export interface Route {
  /** `<course>/<lesson>`; absent: the list of courses. */
  lesson?: string;
  /** A step's slug. */
  step?: string;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,50}$/;

/** Undefined when the address is about something else. What is malformed leads to the list. */
export function parseRoute(hash: string): Route | undefined {
  if (!/^#\/learn(\/|$)/.test(hash)) return undefined;
  const [course, lesson, step, ...more] = hash.slice("#/learn".length).split("/").filter(Boolean);
  if (course === undefined || lesson === undefined || more.length > 0) return {};
  if (!NAME.test(course) || !NAME.test(lesson)) return {};
  return { lesson: `${course}/${lesson}`, ...(step !== undefined && NAME.test(step) ? { step } : {}) };
}

export function formatRoute({ lesson, step }: Route): string {
  return ["#/learn", lesson, lesson === undefined ? undefined : step]
    .filter((part) => part !== undefined)
    .join("/");
}
