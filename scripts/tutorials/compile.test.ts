import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compile } from "./compile.ts";
import { compileFolder, TutorialsError } from "./files.ts";

const TASK = `tasks:
  made:
    title: Make a file
    run: "[ -f /tmp/x ]"
    expect: a file /tmp/x
    solution: touch /tmp/x
    undo: rm /tmp/x`;
const STEP = `---\ntitle: First\n${TASK}\n---\nDo it.\n\n::task{#made}\n`;
const LESSON = "---\ntitle: L\nsummary: S\nminutes: 5\n---\nWelcome.\n";
const COURSE = "---\ntitle: C\nsummary: S\n---\n";
const TALK = "---\ntitle: T\nminutes: 10\n---\n# Hello\n\n```sh run\nls\n```\n";

/** Problems of a sound folder in which some files are others; null takes one away. */
function problemsOf(changes: Record<string, string | null>): string[] {
  const files = new Map<string, string>([
    ["c/course.md", COURSE],
    ["c/01-l/lesson.md", LESSON],
    ["c/01-l/01-s.md", STEP],
  ]);
  for (const [path, text] of Object.entries(changes))
    if (text === null) files.delete(path);
    else files.set(path, text);
  return compile(files).problems;
}
const inStep = (text: string) => problemsOf({ "c/01-l/01-s.md": text });
/** A step without tasks whose body begins in line 4. */
const inBody = (body: string) => inStep(`---\ntitle: First\n---\n${body}\n`);
const withTask = (line: string) => inStep(STEP.replace("    undo:", `    ${line}\n    undo:`));
const AT = "tutorials/c/01-l/01-s.md";

describe("the shipped lessons and talks", () => {
  it("compile", () => {
    const { courses, lessons, talks } = compileFolder(
      fileURLToPath(new URL("../../tutorials", import.meta.url)),
    );
    expect(courses.length).toBeGreaterThan(0);
    expect(lessons.size).toBe(courses.flatMap((course) => course.lessons).length);
    expect(talks.size).toBeGreaterThan(0);
  });
});

describe("a sound folder", () => {
  it("becomes data", () => {
    const body = `---
title: First
${TASK}
---
A word, sha256:abc and 10:30, and a [lesson](#/learn/c/01-l).

\`\`\`sh run terminal=second
echo a

echo b
\`\`\`

\`\`\`sh run container=web/inner
ls
\`\`\`

::task{#made}

:::hint[Stuck \`here\`?]
Type it.
:::

:::quiz
Which?

- [x] **this**
- [ ] that

Because.
:::

::look[The map]{view=nesting}
`;
    const { compiled, problems } = compile(
      new Map([
        ["c/course.md", COURSE],
        ["c/01-l/lesson.md", LESSON],
        ["c/01-l/01-s.md", body],
        ["FORMAT.md", "# no lesson"],
      ]),
    );
    expect(problems).toEqual([]);
    expect(compiled.courses).toEqual([
      {
        id: "c",
        title: "C",
        summary: "S",
        lessons: [{ id: "c/01-l", title: "L", summary: "S", minutes: 5, steps: 1 }],
      },
    ]);
    const lesson = compiled.lessons.get("c/01-l");
    expect(lesson?.intro).toEqual([{ kind: "html", html: "<p>Welcome.</p>" }]);
    expect(lesson?.content[0]?.tasks).toEqual([
      {
        id: "made",
        title: "Make a file",
        run: "[ -f /tmp/x ]",
        expect: "a file /tmp/x",
        needs: [],
        timeout: 5,
        machine: "main",
        terminal: "host",
        solution: ["touch /tmp/x"],
        undo: ["rm /tmp/x"],
      },
    ]);
    expect(lesson?.content[0]?.blocks).toEqual([
      {
        kind: "html",
        html: '<p>A word, sha256:abc and 10:30, and a <a href="#/learn/c/01-l">lesson</a>.</p>',
      },
      { kind: "command", command: { lines: ["echo a", "", "echo b"], terminal: "second" } },
      { kind: "command", command: { lines: ["ls"], terminal: "web-inner", container: ["web", "inner"] } },
      { kind: "task", id: "made" },
      { kind: "hint", title: "Stuck here?", blocks: [{ kind: "html", html: "<p>Type it.</p>" }] },
      {
        kind: "quiz",
        question: "<p>Which?</p>",
        options: [
          { html: "<strong>this</strong>", right: true },
          { html: "that", right: false },
        ],
        explanation: "<p>Because.</p>",
      },
      { kind: "look", text: "The map", view: "nesting" },
    ]);
  });

  it("escapes what looks like HTML in code and text", () => {
    const { compiled, problems } = compile(
      new Map([
        ["c/course.md", COURSE],
        ["c/01-l/lesson.md", LESSON],
        ["c/01-l/01-s.md", "---\ntitle: X\n---\n`<script>` & a \\<b>\n"],
      ]),
    );
    expect(problems).toEqual([]);
    expect(compiled.lessons.get("c/01-l")?.content[0]?.blocks[0]).toEqual({
      kind: "html",
      html: "<p><code>&#x3C;script></code> &#x26; a &#x3C;b></p>",
    });
  });

  it("splits a talk into slides", () => {
    const { compiled, problems } = compile(
      new Map([["talks/t.md", `${TALK}\n:::notes\nSay it.\n:::\n\n---\n\nOnly text\n`]]),
    );
    expect(problems).toEqual([]);
    expect(compiled.talks.get("t")?.slides).toEqual([
      { html: "<h1>Hello</h1>", commands: [{ lines: ["ls"], terminal: "host" }], notes: "<p>Say it.</p>" },
      { html: "<p>Only text</p>", commands: [], notes: "" },
    ]);
  });
});

describe("front matter", () => {
  it.each([
    ["is missing", "Text\n", `${AT}:1: there is no front matter;`],
    ["is not closed", "---\ntitle: X\n", `${AT}:1: the front matter is never closed;`],
    ["is not YAML", "---\ntitle: X\ntasks: [\n---\nText\n", `${AT}:3: the front matter is not YAML:`],
    ["has a key twice", "---\ntitle: X\ntitle: Y\n---\nText\n", `${AT}:3: the front matter is not YAML:`],
    ["is a list", "---\n- x\n---\nText\n", `${AT}:2: the front matter is a list; give lines of the form`],
    ["has an alias", "---\ntitle: &t X\ntasks: *t\n---\nText\n", `${AT}:2: the front matter uses an alias`],
    ["lacks a title", "---\ntasks: {}\n---\nText\n", "title is missing; give the step's title"],
    ["has a number as title", "---\ntitle: 5\n---\nText\n", `${AT}:2: title is 5; give the step's title`],
    ["has an unknown key", "---\ntitle: X\ntask: y\n---\nText\n", `${AT}:3: task is not known; a step has`],
  ])("that %s", (_what, text, message) => {
    expect(inStep(text).join("\n")).toContain(message);
  });

  it.each([
    ["timeout: 90", `${AT}:9: tasks.made.timeout is 90; give 1 … 30 seconds.`],
    ["timeout: 1.5", "tasks.made.timeout is 1.5; give 1 … 30 seconds."],
    ["colour: red", `${AT}:9: tasks.made.colour is not known; a task has title, run,`],
    ["needs: [other]", `${AT}:9: tasks.made.needs.0 is "other", which is no task; this step has made.`],
    ["needs: [made]", "tasks wait for each other: made → made;"],
    ["needs: made", 'tasks.made.needs is "made"; give a list of ids'],
    ["container: a//b", 'tasks.made.container is "a//b"; give a container\'s name'],
    ["terminal: Two Words", 'tasks.made.terminal is "Two Words"; give a terminal\'s name'],
    ["machine: second", 'tasks.made.machine is "second"; there is one machine so far'],
    ['hintcheck: ""', 'tasks.made.hintcheck is ""; give a script, or leave the key out.'],
  ])("of a task with %s", (line, message) => {
    expect(withTask(line).join("\n")).toContain(message);
  });

  it("needs every key of a task, and a solution without keys of a terminal", () => {
    expect(inStep("---\ntitle: X\ntasks:\n  a: {}\n---\n::task{#a}\n")).toEqual(
      ["title", "run", "expect", "solution", "undo"].map(
        (key) => expect.stringContaining(`${AT}:4: tasks.a.${key} is missing; give `) as string,
      ),
    );
    expect(inStep(STEP.replace("touch /tmp/x", '"a\\tb"')).join()).toContain("they are keys in a terminal");
  });

  it("finds circles of needs", () => {
    const task = (id: string, needs: string) =>
      `  ${id}:\n    title: T\n    run: "true"\n    expect: E\n    solution: a\n    undo: b\n    needs: [${needs}]\n`;
    expect(
      inStep(
        `---\ntitle: X\ntasks:\n${task("a", "b")}${task("b", "c")}${task("c", "a")}---\n::task{#a}\n::task{#b}\n::task{#c}\n`,
      ),
    ).toEqual([expect.stringContaining("tasks wait for each other: a → b → c → a; take one")]);
  });

  it.each([
    ["minutes: 0", ":4: minutes is 0; give 1 … 120 minutes."],
    ["minutes: soon", ':4: minutes is "soon"; give a whole number of minutes'],
    ["minutes: 5\nimages: [Debian:13]", ':5: images.0 is "Debian:13"; give an image\'s name'],
    ["minutes: 5\nimages: [a, a]", ":5: images is a list; name each image once."],
    ["minutes: 5\nsetup: 7", ":5: setup is 7; give a shell script"],
  ])("of a lesson with %s", (line, message) => {
    const text = LESSON.replace("minutes: 5", line);
    expect(problemsOf({ "c/01-l/lesson.md": text })).toEqual([
      expect.stringContaining(`tutorials/c/01-l/lesson.md${message}`),
    ]);
  });
});

describe("the body", () => {
  it.each([
    ["raw HTML", "a <b>c</b>", ":4: raw HTML is not shown;"],
    ["a picture", "![x](y.png)", ":4: pictures cannot be shown;"],
    ["a footnote", "a[^1]\n\n[^1]: b", "footnotes cannot be shown;"],
    ["a script link", "[x](javascript:alert)", 'the link leads to "javascript:alert";'],
    [
      "a link to the reader's computer",
      "http://localhost:8080/",
      "the link leads to the reader's own computer",
    ],
    ["a link to no lesson", "[x](#/learn/c/09-x)", 'leads to the lesson "c/09-x", which is not there;'],
    ["a directive in a line", "see :look[this]{view=nesting}", ":look[…] within a line is not known;"],
    ["an unknown leaf", "::video[x]", "::video is not known; known are ::task{#id}"],
    ["an unknown container", ":::note\nx\n:::", ":::note is not known;"],
    ["a hint with two colons", "::hint[x]", "::hint encloses something; write :::hint"],
    ["a task with three colons", ":::task{#a}\n:::", ":::task encloses nothing; write ::task"],
    ["an unclosed hint", ":::hint[x]\ny", ":4: :::hint is never closed;"],
    ["a hint without a title", ":::hint\ny\n:::", "the hint has no title;"],
    ["an empty hint", ":::hint[x]\n:::", "the hint is empty;"],
    ["a hint in a hint", "::::hint[x]\n:::hint[y]\nz\n:::\n::::", ":5: a hint in a hint;"],
    ["a task without id", "::task", "::task has no id;"],
    ["a task that is not there", "::task{#no}", ":4: there is no task no; the front matter has none."],
    ["a task with more", "::task{#no colour=red}", "::task takes only an id;"],
    ["a look without text", "::look{view=nesting}", "::look has no text;"],
    ["a look without view", "::look[x]", "::look has no view; give view=, one of nesting, containers"],
    ["a look at nothing", "::look[x]{view=moon}", "view=moon is not known; give one of nesting"],
    ["a look with more", "::look[x]{view=nesting at=1}", "::look does not know at=;"],
    ["an empty run block", "```sh run\n\n```", ":4: the run block is empty;"],
    ["an unknown word", "```sh run at=web\nls\n```", ':4: "at=web" is not known; the words after run are'],
    ["a word twice", "```sh run terminal=a terminal=b\nls\n```", "terminal= stands twice;"],
    ["a bad terminal", "```sh run terminal=A_B\nls\n```", 'terminal= is "A_B"; give a terminal\'s name'],
    ["a run block in Python", "```python run\nx\n```", 'a run block in "python"; only sh can be run'],
    ["run in the wrong place", "```sh terminal=a run\nls\n```", "does not begin with run; write ```sh run"],
    ["a tab in a command", "```sh run\nls\n\tx\n```", ":6: a tab or control character is a key"],
    [
      "a run block in a list",
      "- a\n\n  ```sh run\n  ls\n  ```",
      ":6: a run block stands within something else;",
    ],
    ["a task in a quote", "> ::task{#a}", ":4: ::task stands within something else;"],
    ["nothing", "", "the step is empty;"],
  ])("with %s", (_what, body, message) => {
    expect(inBody(body).join("\n")).toContain(message);
  });

  it.each([
    ["no answers", "Q?", "the quiz has no answers;"],
    ["no question", "- [x] a\n- [ ] b", "the quiz has no question;"],
    ["no right answer", "Q?\n\n- [ ] a\n- [ ] b", "no answer is right;"],
    ["no wrong answer", "Q?\n\n- [x] a\n- [x] b", "every answer is right;"],
    ["an answer without box", "Q?\n\n- [x] a\n- b", ":8: the answer has no box;"],
    ["two lists", "Q?\n\n- [x] a\n- [ ] b\n\nand\n\n- [ ] c", ":12: the quiz has two lists of answers;"],
    ["a command in it", "Q?\n\n```sh run\nls\n```\n\n- [x] a\n- [ ] b", ":7: a run block stands within"],
  ])("with a quiz with %s", (_what, text, message) => {
    expect(inBody(`:::quiz\n${text}\n:::`).join("\n")).toContain(message);
  });

  it("has each task's card once, in the open, and in a step", () => {
    expect(inStep(STEP.replace("::task{#made}", ""))).toEqual([
      `${AT}:4: task made has no card; put ::task{#made} where it is to be solved.`,
    ]);
    expect(inStep(`${STEP}\n::task{#made}\n`)).toEqual([
      `${AT}:15: the card of task made stands in line 13 already; keep one.`,
    ]);
    expect(inStep(STEP.replace("::task{#made}", ":::hint[x]\n::task{#made}\n:::")).join()).toContain(
      "is in a hint, where nobody sees it",
    );
    expect(problemsOf({ "c/01-l/lesson.md": `${LESSON}\n::task{#made}\n` }).join()).toContain(
      "tasks belong to steps",
    );
  });
});

describe("a talk", () => {
  it.each([
    ["a task", `${TALK}\n::task{#x}\n`, "::task is not for slides;"],
    ["a hint", `${TALK}\n:::hint[x]\ny\n:::\n`, ":::hint is not for slides;"],
    ["an empty slide", `${TALK}\n---\n\n---\n\nx\n`, "tutorials/talks/t.md:11: the slide is empty;"],
    [
      "a rule right below text",
      `${TALK}\ntext\n---\nmore\n`,
      ":11: the --- or === right below makes this text",
    ],
    ["open notes", `${TALK}\n:::notes\nx\n`, ":::notes is never closed;"],
    ["a summary", TALK.replace("minutes", "summary: x\nminutes"), ":3: summary is not known; a talk has"],
  ])("with %s", (_what, text, message) => {
    expect(compile(new Map([["talks/t.md", text]])).problems.join("\n")).toContain(message);
  });
});

describe("files and folders", () => {
  it.each([
    ["no course.md", { "c/course.md": null }, "tutorials/c/course.md: the file is missing;"],
    ["no lesson.md", { "c/01-l/lesson.md": null }, "tutorials/c/01-l/lesson.md: the file is missing;"],
    ["no steps", { "c/01-l/01-s.md": null }, "tutorials/c/01-l: the lesson has no steps;"],
    ["a stray file", { "c/notes.txt": "" }, "tutorials/c/notes.txt: a course has course.md and a folder"],
    ["a file of its own", { "hello.md": "" }, "tutorials/hello.md: a lesson is a folder"],
    [
      "a lesson without number",
      { "c/second/lesson.md": LESSON },
      "tutorials/c/second: a lesson's folder has two",
    ],
    [
      "a step without number",
      { "c/01-l/s.md": STEP },
      "tutorials/c/01-l/s.md: a step is a file with two digits",
    ],
    ["two steps of a number", { "c/01-l/01-t.md": STEP }, "two steps have the number 01, 01-s and 01-t;"],
    ["a folder in a lesson", { "c/01-l/x/y.md": STEP }, "tutorials/c/01-l/x/y.md: a lesson has no folders"],
    ["a course of capitals", { "C/course.md": COURSE }, "tutorials/C: a course's folder is named with"],
    ["text in course.md", { "c/course.md": `${COURSE}Hi` }, "tutorials/c/course.md:5: a course has no text"],
    ["a talk of capitals", { "talks/T.md": TALK }, "tutorials/talks/T.md: a talk is a file"],
  ] as [string, Record<string, string | null>, string][])("with %s", (_what, changes, message) => {
    expect(problemsOf(changes).join("\n")).toContain(message);
  });

  it("all problems of all files come at once, in order", () => {
    const problems = problemsOf({
      "c/01-l/lesson.md": LESSON.replace("minutes: 5", "minutes: 500"),
      "c/01-l/01-s.md": "---\ntitle: X\n---\n<b>\n\n::nothing\n",
      "talks/t.md": "no",
    });
    expect(problems.map((line) => line.replace(/: .*/, ""))).toEqual([
      `${AT}:4`,
      `${AT}:6`,
      "tutorials/c/01-l/lesson.md:4",
      "tutorials/talks/t.md:1",
    ]);
    expect(new TutorialsError(problems).message).toContain("4 to correct");
  });
});
