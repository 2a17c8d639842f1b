//! One variable: what it may be, and what it is.

use std::fmt;

use super::{Declared, Env, Value};

type Check<T> = Box<dyn Fn(&T) -> Result<(), String>>;

/// A variable being declared: end with [`default`](Self::default), [`required`](Self::required) or
/// [`optional`](Self::optional).
#[must_use = "a variable is read by .default(…), .required(…) or .optional()"]
pub struct Variable<'a, T> {
    pub(super) env: &'a mut Env,
    pub(super) name: &'static str,
    pub(super) description: String,
    pub(super) checks: Vec<Check<T>>,
}

impl<T: Value> Variable<'_, T> {
    /// Adds a condition; the error reads as the end of a sentence that begins with the variable's
    /// name, such as `must start with https://`.
    pub fn check(mut self, check: impl Fn(&T) -> Result<(), String> + 'static) -> Self {
        self.checks.push(Box::new(check));
        self
    }

    /// The value, or `value` when unset.
    pub fn default(self, value: T) -> T {
        let shown = value.show();
        self.read(&shown, &shown).unwrap_or(value)
    }

    /// The value; unset, it is a problem whose message ends in `hint`: what to set it to, or how
    /// to get one.
    pub fn required(self, hint: &str) -> T {
        if !self.env.is_set(self.name) {
            self.env.problem(self.name, format!("is not set; set it to {hint}"));
        }
        self.read("(required)", T::show_unset()).unwrap_or_else(T::stand_in)
    }

    /// The value, if set.
    pub fn optional(self) -> Option<T> {
        self.read("", T::show_unset())
    }

    fn read(self, default: &str, unset: &str) -> Option<T> {
        let raw = self.env.raw(self.name).map(ToOwned::to_owned);
        let parsed = raw.as_deref().map(T::parse);
        let problems: Vec<String> = match &parsed {
            Some(Ok(value)) => self.checks.iter().filter_map(|check| check(value).err()).collect(),
            Some(Err(problem)) => vec![problem.clone()],
            None => Vec::new(),
        };
        let current = match &parsed {
            // Also what a check has refused: it may be a password in a place where it is not expected.
            Some(_) if !problems.is_empty() => "(invalid)".into(),
            Some(Ok(value)) => value.show(),
            _ => unset.into(),
        };
        self.env.declared.push(Declared {
            name: self.name,
            description: self.description,
            default: default.into(),
            current,
        });
        let sound = problems.is_empty();
        for problem in problems {
            self.env.problem(self.name, problem);
        }
        let value = match parsed? {
            Ok(value) if sound => value,
            _ => T::stand_in(),
        };
        if let Some(secret) = value.as_secret().filter(|secret| secret.reference().is_some()) {
            self.env.references.push((self.name, secret.clone()));
        }
        Some(value)
    }
}

impl<T: Value + PartialOrd + fmt::Display + Copy + 'static> Variable<'_, T> {
    /// Allows only `low` to `high`, both included.
    pub fn range(self, low: T, high: T) -> Self {
        self.check(move |value| {
            // Not the other way round: a float may be no number, which is neither below nor above.
            if !(low..=high).contains(value) {
                return Err(format!("is {value}; it must be between {low} and {high}"));
            }
            Ok(())
        })
    }
}

impl Variable<'_, String> {
    /// Allows only these texts.
    pub fn one_of(self, allowed: &'static [&'static str]) -> Self {
        self.check(move |value| {
            if allowed.contains(&value.as_str()) {
                return Ok(());
            }
            Err(format!("is '{value}'; it must be one of: {}", allowed.join(", ")))
        })
    }
}
