//! What a person sees of a page, on a desk and on a phone, in light and dark.

use local_stack::root;
use serde_json::{Value, json};

use super::browser::{Browser, Screen};

/// The width of a common phone, in CSS pixels.
const PHONE: u32 = 390;
/// The least size of letters, in CSS pixels; 16 is what browsers choose for running text.
const LEAST_SIZE: f64 = 14.0;
/// The least contrast of text: <https://www.w3.org/TR/WCAG22/#contrast-minimum>.
const LEAST_CONTRAST: f64 = 4.5;
/// The least height of what a finger has to meet: <https://www.w3.org/TR/WCAG22/#target-size-enhanced>.
const FINGER: f64 = 44.0;

/// What a person would see of a page.
const SEEN: &str = "(() => {
  const box = element => element.getBoundingClientRect();
  const seen = element => box(element).width > 0 && box(element).height > 0;
  const texts = [...document.body.querySelectorAll('*')].filter(element => seen(element) &&
    [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const part = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([red, green, blue]) => 0.2126 * part(red / 255) + 0.7152 * part(green / 255) + 0.0722 * part(blue / 255);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = channels(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return light(colour);
    }
    return 1;
  };
  const contrast = element => {
    const [dark, bright] = [light(channels(getComputedStyle(element).color)), behind(element)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const least = (elements, of) => Math.min(...elements.map(of));
  return {
    text: document.body.innerText,
    width: window.innerWidth,
    wide: document.documentElement.scrollWidth,
    outside: texts.filter(text => box(text).right > window.innerWidth + 1 || box(text).left < -1).map(text => text.textContent),
    size: least(texts, text => parseFloat(getComputedStyle(text).fontSize)),
    contrast: least(texts, contrast),
    finger: least([...document.querySelectorAll('a, button, summary')].filter(seen), element => box(element).height),
    bars: [...document.querySelectorAll('.bar, .chart rect')].filter(seen).length,
    colours: ['good', 'warn', 'bad', 'busy', 'idle'].filter(name => document.querySelector('.' + name)),
    buttons: document.querySelectorAll('button').length,
    behind: behind(document.body),
    loaded: performance.getEntriesByType('resource').length,
  };
})()";

/// Shows the page at `url` on each screen, draws it into `.local/pictures`, and panics if anything can't be read, lies outside or
/// is loaded from elsewhere. What was seen of it on each.
pub fn on_every_screen(browser: &mut Browser, name: &str, url: &str) -> Vec<Value> {
    let pictures = root().join(".local/pictures");
    std::fs::create_dir_all(&pictures).expect("a folder");
    let mut all = Vec::new();
    for (device, width) in [("desk", 1_100), ("phone", PHONE)] {
        for is_dark in [false, true] {
            let (is_phone, look) = (width == PHONE, if is_dark { "dark" } else { "light" });
            browser.show(
                url,
                Screen {
                    width,
                    is_phone,
                    is_dark,
                },
            );
            browser.draw(&pictures.join(format!("{name}-{device}-{look}.png")));
            let seen = browser.ask(SEEN);
            let number = |of: &str| seen[of].as_f64().unwrap_or_else(|| panic!("{of} in {seen:#}"));
            let what = format!("{name} on a {device}, {look}: {seen:#}");
            // Only with a viewport of its own is a page not made for a desk and shrunk.
            assert_eq!(seen["width"], json!(width), "{what}");
            assert!(number("wide") <= f64::from(width), "it scrolls sideways: {what}");
            assert_eq!(seen["outside"], json!([]), "{what}");
            assert!(number("size") >= LEAST_SIZE, "{what}");
            assert!(number("contrast") >= LEAST_CONTRAST, "{what}");
            // Without a link or a button there is nothing to meet.
            assert!(seen["finger"].is_null() || number("finger") >= FINGER, "{what}");
            assert_eq!(number("behind") < 0.5, is_dark, "{what}");
            assert_eq!(seen["loaded"], 0, "{what}");
            all.push(seen);
        }
    }
    all
}
