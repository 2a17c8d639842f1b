//! The vocabulary of titles, comments and descriptions, awkward characters included.

use std::fmt::Write;

use crate::random::Random;

const VERBS: [&str; 14] = [
    "Fix", "Add", "Remove", "Refactor", "Speed up", "Document", "Rename", "Split", "Harden", "Cache", "Migrate",
    "Upgrade", "Revert", "Simplify",
];
const THINGS: [&str; 20] = [
    "invoice rounding",
    "the login form",
    "retry handling",
    "CSV export",
    "the search index",
    "rate limiting",
    "webhook delivery",
    "the payment gateway",
    "session expiry",
    "the build image",
    "currency conversion",
    "the audit log",
    "feature flags",
    "the mobile menu",
    "connection pooling",
    "time zone handling",
    "the settings page",
    "image uploads",
    "the nightly report",
    "access tokens",
];
const REASONS: [&str; 10] = [
    "for empty input",
    "behind a flag",
    "in the worker",
    "on slow networks",
    "for large accounts",
    "after a restart",
    "when the cache is cold",
    "without downtime",
    "in Firefox",
    "for the new API",
];
const REMARKS: [&str; 16] = [
    "Could we add a test for this?",
    "Looks good to me.",
    "I think this breaks when the list is empty.",
    "Nice, much easier to read.",
    "Please rename this, it is not a handler.",
    "Done.",
    "Why is this needed?",
    "Good catch, fixed.",
    "Should this not be behind the flag?",
    "The query scans the whole table.",
    "Let us do that in a follow-up.",
    "This changes the public API, please mention it in the changelog.",
    "Can you rebase?",
    "I measured it: 40 ms before, 6 ms now.",
    "Same question as above.",
    "Thanks!",
];

/// What breaks naive pipelines: emoji, right-to-left text, ideographs, zero-width characters, control white space,
/// quotes and backslashes.
const AWKWARD: [&str; 10] = [
    "🚀🔥 ship it 👩‍👩‍👧‍👦",
    "مرحبا بالعالم",
    "修复登录错误",
    "zero\u{200b}width\u{feff} joiner\u{200d}",
    "tab\there and\nnew line",
    "it's \"quoted\" \\ back\\slashed",
    "'; DROP TABLE notes; --",
    "naïve café résumé ß ñ ø",
    "{\"json\": [1, null]}",
    "שלום עולם ‎(ltr)‎",
];

/// A title such as `Fix invoice rounding for empty input`.
pub fn title(random: &mut Random) -> String {
    if random.chance(0.04) {
        return format!("{} {}", random.pick(&VERBS), random.pick(&AWKWARD));
    }
    let (verb, thing) = (random.pick(&VERBS), random.pick(&THINGS));
    if random.chance(0.6) {
        format!("{verb} {thing} {}", random.pick(&REASONS))
    } else {
        format!("{verb} {thing}")
    }
}

/// A branch name such as `fix-invoice-rounding-4711`.
pub fn branch(random: &mut Random, iid: u32) -> String {
    let (verb, thing) = (random.pick(&VERBS), random.pick(&THINGS));
    let slug: String = format!("{verb} {thing}")
        .to_lowercase()
        .chars()
        .map(|c| if c == ' ' { '-' } else { c })
        .collect();
    format!("{slug}-{iid}")
}

pub fn comment(seed: u32) -> String {
    let random = &mut Random::of(u64::from(seed), 91, 0);
    let mut text = String::new();
    for n in 0..=random.below(3) {
        if n > 0 {
            text.push_str(if random.chance(0.2) { "\n\n" } else { " " });
        }
        let bank: &[&str] = if random.chance(0.03) { &AWKWARD } else { &REMARKS };
        let remark: &str = random.pick::<&str>(bank);
        text.push_str(remark);
    }
    text
}

/// At least `bytes` bytes of Markdown.
pub fn description(seed: u32, bytes: usize) -> String {
    let random = &mut Random::of(u64::from(seed), 92, 0);
    let mut text = String::with_capacity(bytes + 200);
    text.push_str("## What does this change?\n\n");
    while text.len() < bytes {
        let bank: &[&str] = if random.chance(0.02) { &AWKWARD } else { &REMARKS };
        let (verb, thing, reason) = (random.pick(&VERBS), random.pick(&THINGS), random.pick(&REASONS));
        let _ = writeln!(text, "- [ ] {verb} {thing} {reason}. {}", random.pick(bank));
    }
    text
}

/// A path in a repository; `index` keeps the paths of one diff apart.
pub fn path(seed: u64, index: u32) -> String {
    let random = &mut Random::of(seed, 93, u64::from(index));
    let folder = random.pick(&["src", "app/models", "lib", "spec", "docs", "frontend/src"]);
    let thing = random.pick(&THINGS).replace("the ", "").replace(' ', "_");
    format!(
        "{folder}/{thing}_{index}.{}",
        random.pick(&["rb", "go", "rs", "ts", "md", "sql"])
    )
}
