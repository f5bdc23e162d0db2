// Verdicts of this browser, kept per batch, and how they are exported.
"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);

const byId = (id) => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const VERDICTS = {
  key: `versectl verdicts ${DATA.batch.id}`,
  all() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) || {};
    } catch {
      return {};
    }
  },
  of(name) {
    return Object.hasOwn(this.all(), name) ? this.all()[name] : null;
  },
  set(name, verdict) {
    const all = this.all();
    if (verdict) Object.defineProperty(all, name, { value: verdict, enumerable: true, configurable: true });
    else delete all[name];
    try {
      localStorage.setItem(this.key, JSON.stringify(all));
    } catch {
      alert("This browser keeps nothing for this page: export the verdicts before you leave it.");
    }
  },
  export() {
    const all = this.all();
    const content = {
      schema_version: 1,
      batch: DATA.batch.title,
      exported: new Date().toISOString(),
      versectl: DATA.batch.version,
      verdicts: Object.keys(all).sort().map((name) => ({ case: name, ...all[name] })),
    };
    save(`${DATA.batch.title}_verdicts.json`, JSON.stringify(content, null, 1) + "\n");
  },
};

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Keys act unless something is typed, or the browser is meant.
function onKeys(actions) {
  addEventListener(
    "keydown",
    (event) => {
      const typing = event.target.matches("textarea, select, input:not([type=range], [type=checkbox])");
      const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
      if (!action || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation(); // the viewer has keys of its own
      action();
    },
    true,
  );
}

byId("export").addEventListener("click", () => VERDICTS.export());
