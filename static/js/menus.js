// Menus, and the form that renames in place.

function leaveRename(form) {
  const item = form.closest(".session-item");
  form.remove();
  item.querySelector("summary").focus();
}

onPage("click", ({ target }) => {
  if (target.matches(".rename .cancel")) leaveRename(target.form);
  for (const menu of document.querySelectorAll(".menu[open], .item-menu[open]")) {
    const inside = menu.matches(".menu") ? target.closest(".menu, .sidebar") : menu.contains(target);
    if (!inside) menu.open = false;
  }
});

onPage("keydown", ({ key, target }) => {
  if (key !== "Escape") return;
  const form = target.closest?.(".rename");
  if (form) return leaveRename(form);
  const menu = target.closest?.(".item-menu[open]") ?? document.querySelector(".menu[open]");
  if (menu) {
    menu.open = false;
    menu.firstElementChild.focus();
  }
});
