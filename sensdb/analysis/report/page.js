"use strict";
// Sorting and filtering of the tables; without it they are tables all the same.
for (const box of document.querySelectorAll(".table")) {
  const body = box.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...box.querySelectorAll("th")];
  const count = box.querySelector("output");
  const value = (row, place) => row.cells[place].dataset.v ?? row.cells[place].textContent;

  heads.forEach((head, place) => {
    const numbers = head.classList.contains("n");
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sign = up ? 1 : -1;
      rows.sort((a, b) => {
        const x = value(a, place), y = value(b, place);
        if (x === "" || y === "") return (x === "") - (y === ""); // missing ones last, up or down
        return sign * (numbers ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true }));
      });
      body.append(...rows);
    });
  });

  box.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = wanted.length ? `${shown} of ${count.dataset.n} rows` : `${count.dataset.n} rows`;
  });
}
