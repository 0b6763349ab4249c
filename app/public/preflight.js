/*
 * Runs before, and without, the page's own program: tells the reader why nothing starts when the browser lacks
 * something, or when the program does not arrive. A classic script, because it must run where modules do not; a file,
 * because the CSP forbids inline scripts. It also sets the chosen theme before the first paint.
 */
(function () {
  "use strict";
  var root = document.documentElement;
  var SLOW_MS = 15000;

  try {
    var saved = JSON.parse(localStorage.getItem("nestbox.preferences") || "{}");
    if (saved && (saved.theme === "light" || saved.theme === "dark"))
      root.setAttribute("data-theme", saved.theme);
  } catch {
    root.setAttribute("data-storage", "blocked");
  }

  function missing() {
    var list = [];
    if (typeof WebAssembly !== "object" || typeof WebAssembly.instantiate !== "function") {
      list.push(
        "WebAssembly, which runs the emulated computer (some browsers switch it off in a “lockdown” or strict mode)",
      );
    }
    if (!("noModule" in document.createElement("script")))
      list.push("JavaScript modules, in which the page is written");
    if (typeof Worker !== "function") {
      list.push("Web Workers, in which the emulator runs");
    } else {
      // The bad URL makes the constructor throw after it has read `type`: nothing is fetched, nothing starts.
      var module = false;
      try {
        new Worker("http://[", {
          get type() {
            module = true;
            return "module";
          },
        });
      } catch {
        if (!module) list.push("module workers, in which the emulator runs");
      }
    }
    if (typeof DecompressionStream !== "function") list.push("DecompressionStream, which unpacks images");
    return list;
  }

  function line(tag, text, into) {
    var element = document.createElement(tag);
    element.textContent = text;
    into.appendChild(element);
    return element;
  }

  function say(title, reasons, advice) {
    var start = document.getElementById("start");
    // Once the app has taken over (it removes the attribute), it speaks for itself.
    if (!start || !start.hasAttribute("data-static")) return;
    var card = start.querySelector(".start-card");
    card.textContent = "";
    card.setAttribute("role", "alert");
    line("h1", title, card);
    var list = line("ul", "", card);
    for (var i = 0; i < reasons.length; i++) line("li", reasons[i], list);
    line("p", advice, card);
    var again = line("button", "Try again", card);
    again.className = "primary";
    again.onclick = function () {
      location.reload();
    };
  }

  function check() {
    var list = missing();
    if (list.length) {
      root.setAttribute("data-unsupported", "");
      say(
        "Nestbox cannot run in this browser",
        list.map(function (what) {
          return "It lacks " + what + ".";
        }),
        "A current Chrome, Edge, Firefox or Safari has all of it. In a private or managed window, try a normal one.",
      );
    }
  }

  window.addEventListener(
    "error",
    function (event) {
      var target = event.target;
      if (target && target.tagName === "SCRIPT") {
        say(
          "The page's program did not load",
          ["The server did not deliver " + (target.src || "a script") + "."],
          "Check the connection, and that no blocker stops scripts from this site, then try again.",
        );
      } else if (event.message) {
        say(
          "The page's program failed to start",
          [event.message],
          "Reload the page; if it stays, please report it.",
        );
      }
    },
    true,
  );

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", check);
  else check();

  setTimeout(function () {
    var note = document.getElementById("start-note");
    if (note)
      note.textContent = "Still waiting for the page's own program: the server or the connection is slow.";
  }, SLOW_MS);
})();
