//! Inputs that break a promise: made smaller, written down, and told with the command that repeats them.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

/// How long an input is made smaller.
const SHRINKING: Duration = Duration::from_secs(10);

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Broken {
    /// What the panic said.
    pub message: String,
    /// Where it was, to tell two of them apart.
    place: String,
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<Broken>> = const { RefCell::new(None) };
}

/// What came of `input`, or the panic.
pub fn attempt(check: &impl Fn(&[u8]) -> String, input: &[u8]) -> Result<String, Broken> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !CATCHING.get() {
                return before(panic);
            }
            let said = panic.payload_as_str().unwrap_or("a panic without a text");
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = format!("{said} ({place})");
            CAUGHT.set(Some(Broken { message, place }));
        }));
    });
    CATCHING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
    CATCHING.set(false);
    outcome.map_err(|_| CAUGHT.take().expect("the hook has run"))
}

/// A smaller input that panics at the same place.
pub fn shrink(check: &impl Fn(&[u8]) -> String, input: &[u8], broken: &Broken) -> Vec<u8> {
    let begun = Instant::now();
    let mut smallest = input.to_vec();
    let mut size = smallest.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < smallest.len() && begun.elapsed() < SHRINKING {
            let mut less = smallest.clone();
            less.drain(at..(at + size).min(smallest.len()));
            match attempt(check, &less) {
                Err(again) if again.place == broken.place => smallest = less,
                _ => at += size,
            }
        }
        size /= 2;
    }
    smallest
}

/// Writes `input` down for later, below the repository's `.local`.
///
/// # Panics
/// If that is not possible.
pub fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.local/fuzz");
    std::fs::create_dir_all(&folder).expect("a folder for failed inputs");
    // FNV-1a: the same input has the same name.
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let name = format!("{target}-{hash:016x}");
    std::fs::write(folder.join(&name), input).expect("a failed input can be kept");
    PathBuf::from(".local/fuzz").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_made_as_small_as_it_can_be() {
        let check = |input: &[u8]| {
            assert!(!input.windows(3).any(|part| part == b"bad"), "it is bad");
            "good".to_owned()
        };
        let input = b"something that is bad in the middle of it";
        let broken = attempt(&check, input).expect_err("a panic");
        assert!(broken.message.contains("it is bad"), "{}", broken.message);
        assert_eq!(shrink(&check, input, &broken), b"bad");
        assert_eq!(attempt(&check, b"fine").expect("no panic"), "good");
    }
}
