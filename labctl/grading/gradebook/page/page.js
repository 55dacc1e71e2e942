"use strict";
// Everything can be read without this: it sorts, filters, and opens the report that a link means.

const words = new Intl.Collator(undefined, { numeric: true });

function key(row, column) {
  const cell = row.cells[column];
  return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim();
}

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const up = heads[column].ariaSort !== "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].ariaSort = up ? "ascending" : "descending";
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [key(row, column), row]);
  rows.sort(([a], [b]) => (typeof a === "number" ? a - b : words.compare(a, b)) * (up ? 1 : -1));
  body.append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(table, column));
    head.replaceChildren(button);
  });
}

const form = document.getElementById("filter");

function filter() {
  const text = form.elements.text.value.trim().toLowerCase();
  const rows = [...document.getElementById("all").tBodies[0].rows];
  for (const row of rows) {
    row.hidden = !(
      row.textContent.toLowerCase().includes(text) &&
      ["", row.dataset.lab].includes(form.elements.lab.value) &&
      ["", row.dataset.status].includes(form.elements.status.value)
    );
  }
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("shown").value =
    shown === rows.length ? "" : `${shown} of ${rows.length} shown`;
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();

function open() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

addEventListener("hashchange", open);
addEventListener("beforeprint", () => {
  for (const report of document.querySelectorAll("#reports details")) report.open = true;
});
open();
