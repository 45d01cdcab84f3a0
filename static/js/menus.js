// Menus, and forms that take the place of what they change.

function leave(form) {
  const place = form.parentElement;
  form.remove();
  place.querySelector("summary, .edit").focus();
}

onPage("click", ({ target }) => {
  if (target.matches(".cancel")) leave(target.form);
  for (const menu of document.querySelectorAll(".menu[open], .item-menu[open]")) {
    const inside = menu.matches(".menu") ? target.closest(".menu, .sidebar") : menu.contains(target);
    if (!inside) menu.open = false;
  }
});

onPage("keydown", ({ key, target }) => {
  if (key !== "Escape") return;
  const form = target.closest?.(".rename, .in-place");
  if (form) return leave(form);
  const menu = target.closest?.(".item-menu[open]") ?? document.querySelector(".menu[open]");
  if (menu) {
    menu.open = false;
    menu.firstElementChild.focus();
  }
});
