//! The pages, in a real browser without a screen.

use black_box::TRIGGER_TOKEN;
use local_stack::root;
use serde_json::json;

use super::browser::{Browser, Screen};
use super::{Small, everything};

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
    behind: behind(document.body),
    loaded: performance.getEntriesByType('resource').length,
  };
})()";

#[test]
fn runs_are_readable_in_a_browser_on_a_desk_and_on_a_phone_in_light_and_dark() {
    let small = Small::new("pages");
    small.write(
        "models/broken.sql",
        "select no_such_column from {{ ref('stg_orders') }}\n",
    );
    let function = small.start(1, &[]);
    let (status, failed) = function.order(&everything());
    assert_eq!(status, 500);
    // A name with no place to break it.
    let nightly = format!("nightly-{}", "x".repeat(120));
    function.run(&json!({"source": nightly, "exclude": "broken"}));
    let id = failed["details"]["run_id"].as_str().expect("an id");
    let pictures = root().join(".local/pictures");
    std::fs::create_dir_all(&pictures).expect("a folder");
    // As a person would answer the browser's question.
    let url = function
        .url
        .replacen("http://", &format!("http://me:{TRIGGER_TOKEN}@"), 1);
    let mut browser = Browser::start();
    for (name, path, words, bars) in [
        (
            "run",
            format!("/runs/{id}"),
            ["no_such_column", "Along time", "tests passed"],
            4,
        ),
        (
            "runs",
            "/runs".to_owned(),
            ["2 runs, 1 failed", "nightly-xxx", "Newest first"],
            2,
        ),
    ] {
        for (device, width) in [("desk", 1_100), ("phone", PHONE)] {
            for is_dark in [false, true] {
                let (is_phone, look) = (width == PHONE, if is_dark { "dark" } else { "light" });
                browser.show(
                    &format!("{url}{path}"),
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
                for words in words {
                    assert!(
                        seen["text"].as_str().is_some_and(|text| text.contains(words)),
                        "{words}: {what}"
                    );
                }
                assert!(number("bars") >= f64::from(bars), "{what}");
                // Only with a viewport of its own is a page not made for a desk and shrunk.
                assert_eq!(seen["width"], json!(width), "{what}");
                assert!(number("wide") <= f64::from(width), "it scrolls sideways: {what}");
                assert_eq!(seen["outside"], json!([]), "{what}");
                assert!(number("size") >= LEAST_SIZE, "{what}");
                assert!(number("contrast") >= LEAST_CONTRAST, "{what}");
                assert!(number("finger") >= FINGER, "{what}");
                assert_eq!(number("behind") < 0.5, is_dark, "{what}");
                assert_eq!(seen["loaded"], 0, "{what}");
            }
        }
    }
}
