"use strict";
// Sorting a table by a column: numbers from data-value or the cell's text, else words.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const numeric = [...body.rows].every((row) => key(row).trim() !== "" && !isNaN(key(row)));
    const compare = numeric ? (a, b) => key(a) - key(b) : (a, b) => key(a).localeCompare(key(b));
    const rows = [...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    body.append(...rows);
  }));
}
const matrix = document.getElementById("matrix"), readout = document.getElementById("readout");
matrix?.addEventListener("pointerover", (event) => {
  const title = event.target.closest(".cell")?.querySelector("title");
  if (title) readout.textContent = title.textContent;
});
