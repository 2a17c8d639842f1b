//! How each type of setting is read from text and shown again.

use std::time::Duration;

use url::Url;

use crate::secret::{Reference, SCHEME, Secret};

/// The longest time that can be set, a hundred years: clocks have an end, and adding more to them panics.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A type that a variable can have.
pub trait Value: Sized {
    /// Reads `text`, which is never empty and has no surrounding blanks.
    ///
    /// # Errors
    /// The end of a sentence that begins with the variable's name.
    fn parse(text: &str) -> Result<Self, String>;

    /// A value to go on with after a problem, so that reading can find the next one.
    fn stand_in() -> Self;

    /// The value as `--print-config` shows it.
    fn show(&self) -> String;

    /// The secret that the value is, if it is one: it may have to be fetched before it is of use.
    fn as_secret(&self) -> Option<&Secret> {
        None
    }

    /// What `--print-config` shows when there is none.
    fn show_unset() -> &'static str {
        "(unset)"
    }
}

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
    fn stand_in() -> Self {
        Self::new()
    }
    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with(SCHEME) {
            return Reference::parse(text).map(Self::referring);
        }
        Ok(Self::new(text))
    }
    fn stand_in() -> Self {
        Self::new("")
    }
    fn show(&self) -> String {
        match self.reference() {
            Some(reference) => format!("in Secret Manager: {reference}"),
            None => "set".into(),
        }
    }
    fn as_secret(&self) -> Option<&Secret> {
        Some(self)
    }
    fn show_unset() -> &'static str {
        "unset"
    }
}

impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(format!("is '{text}'; it must be true or false")),
        }
    }
    fn stand_in() -> Self {
        false
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Vec<String> {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text
            .split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(Into::into)
            .collect())
    }
    fn stand_in() -> Self {
        Self::new()
    }
    fn show(&self) -> String {
        self.join(",")
    }
}

impl Value for Url {
    fn parse(text: &str) -> Result<Self, String> {
        // The text itself stays out of these messages: it may hold a password.
        match Self::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
            Ok(_) => Err("must be an address that begins with http:// or https://".into()),
            Err(e) => Err(format!("is not an address such as https://example.com ({e})")),
        }
    }
    fn stand_in() -> Self {
        Self::parse("http://stand-in.invalid").expect("a constant")
    }
    fn show(&self) -> String {
        let mut shown = self.clone();
        let secret = if let Some(password) = self.password() {
            // Can only fail for addresses without a host, and those have no password.
            let _ = shown.set_password(Some("***"));
            password
        } else {
            // A token may stand alone.
            if !self.username().is_empty() {
                let _ = shown.set_username("***");
            }
            self.username()
        };
        let text = String::from(shown);
        // An address that was pasted twice has it in its path, too.
        if secret.is_empty() {
            text
        } else {
            text.replace(secret, "***")
        }
    }
}

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("is '{text}'; it must be a length of time such as 300, 90s, 5m or 2h");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let count: u64 = count.parse().map_err(|_| wrong())?;
        let seconds = match unit.trim() {
            "ms" => {
                return Some(Self::from_millis(count))
                    .filter(|time| *time <= LONGEST)
                    .ok_or_else(wrong);
            }
            "" | "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let time = count.checked_mul(seconds).map(Self::from_secs);
        time.filter(|time| *time <= LONGEST).ok_or_else(wrong)
    }
    fn stand_in() -> Self {
        Self::ZERO
    }
    fn show(&self) -> String {
        let millis = self.as_millis();
        if millis.is_multiple_of(1_000) {
            format!("{}s", millis / 1_000)
        } else {
            format!("{millis}ms")
        }
    }
}

/// The number types that [`Env::number`](super::Env::number) reads.
pub trait Number: Value + Copy {}

macro_rules! numbers {
    ($kind:literal: $($number:ty),*) => {$(
        impl Number for $number {}
        impl Value for $number {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("is '{text}'; it must be {}", $kind))
            }
            fn stand_in() -> Self {
                Self::default()
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

numbers!("a whole number from 0 to 255": u8);
numbers!("a whole number from 0 to 65535": u16);
numbers!("a whole number, 0 or more": u32, u64, usize);
numbers!("a whole number": i32, i64);
numbers!("a number": f64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        for (text, seconds) in [("300", 300), ("90s", 90), ("5m", 300), ("2 h", 7_200), ("1d", 86_400)] {
            assert_eq!(
                <Duration as Value>::parse(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "-1",
            "5x",
            "1.5h",
            "99999999999999999999",
            "37000d",
            "18446744073709551615ms",
            "18446744073709551615d",
        ] {
            assert!(<Duration as Value>::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_hidden() {
        let url = <Url as Value>::parse("https://me:hunter2@gitlab.example/x").expect("valid");
        assert_eq!(url.show(), "https://me:***@gitlab.example/x");
        let url = <Url as Value>::parse("https://hunter2@gitlab.example/x").expect("valid");
        assert_eq!(url.show(), "https://***@gitlab.example/x");
        let url = <Url as Value>::parse("https://me:hunter2@https://me:hunter2@gitlab.example/x").expect("valid");
        assert!(!url.show().contains("hunter2"), "{}", url.show());
    }

    #[test]
    fn lists_drop_blanks() {
        assert_eq!(
            <Vec<String> as Value>::parse(" a, ,b,"),
            Ok(vec!["a".into(), "b".into()])
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(millis in 0u64..10_000_000_000) {
            let wait = Duration::from_millis(millis);
            prop_assert_eq!(<Duration as Value>::parse(&wait.show()), Ok(wait));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,20}") {
            let _ = <Duration as Value>::parse(&text);
            let _ = <Url as Value>::parse(&text);
            let _ = <bool as Value>::parse(&text);
        }
    }
}
