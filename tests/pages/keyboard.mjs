// A person who has a keyboard and no mouse.

/** No page has so many places to stop that a person would go on. */
const MOST_STOPS = 400;

/** Where the focus is: text, form and whether it can be seen. */
export function focused(page) {
  return page.evaluate(() => {
    const box = document.activeElement;
    if (!box || box === document.body) return undefined;
    const style = getComputedStyle(box);
    const { left, top, right, bottom } = box.getBoundingClientRect();
    const middle = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
    return {
      tag: box.tagName.toLowerCase(),
      id: box.id,
      text: (box.innerText ?? box.textContent ?? '').trim().replaceAll(/\s+/g, ' '),
      href: box.getAttribute('href') ?? '',
      label: (box.labels?.[0]?.innerText ?? box.getAttribute('aria-label') ?? '').trim(),
      outlined: outlined || style.boxShadow !== 'none',
      seen: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
      covered: middle !== null && !box.contains(middle) && !middle.contains(box),
      html: box.outerHTML.slice(0, 160),
    };
  });
}

/** Presses Tab until `wanted` has the focus; on the way, the focus can always be seen. */
export async function tabTo(page, what, wanted, fault) {
  const passed = [];
  for (let stops = 0; stops < MOST_STOPS; stops += 1) {
    await page.keyboard.press('Tab');
    let at = await focused(page);
    // The page scrolls there with its next frame.
    for (let frames = 0; frames < 800 && at && (!at.seen || at.covered); frames += 1) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      at = await focused(page);
    }
    // Past the last place the browser's own buttons come, and then the first place again.
    if (!at) continue;
    if (!at.outlined) fault(`${page.url()}: the focus cannot be seen: ${at.html}`);
    if (!at.seen || at.covered) fault(`${page.url()}: the focus is out of sight: ${at.html}`);
    passed.push(at.text || at.label);
    if (wanted(at)) return at;
  }
  throw new Error(`${page.url()}: Tab does not reach ${what}: ${passed.slice(0, 60).join(' | ')}`);
}

/** Goes to a link by Tab, and follows it by Enter. */
export async function follow(page, what, wanted, fault) {
  const at = await tabTo(page, what, (stop) => stop.tag === 'a' && wanted(stop), fault);
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
  return at;
}

/** Goes to a field by Tab, and types into it in place of what it holds. */
export async function type(page, label, text, fault) {
  const field = (stop) => ['input', 'select', 'textarea'].includes(stop.tag) &&
    label.test(stop.label);
  const at = await tabTo(page, `the field ${label}`, field, fault);
  if (at.tag !== 'select') await page.keyboard.press('Control+A');
  if (text) await page.keyboard.type(text);
  else if (at.tag !== 'select') await page.keyboard.press('Delete');
}
