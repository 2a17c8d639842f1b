//! The table of variables that `--help` and `--print-config` print.

use super::{Declared, Env};

/// The formatter panics beyond 65,535; what is longer than this sticks out of its column.
const WIDEST: usize = 200;

impl Env {
    /// Every declared variable with its default and meaning.
    #[must_use]
    pub fn help_table(&self) -> String {
        render(["variable", "default", "meaning"], self.declared(), |variable| {
            [
                variable.name.into(),
                variable.default.clone(),
                variable.description.clone(),
            ]
        })
    }

    /// Every declared variable with the value in force; secrets only as `set` or `unset`.
    #[must_use]
    pub fn value_table(&self) -> String {
        render(["variable", "value", "default"], self.declared(), |variable| {
            [variable.name.into(), variable.current.clone(), variable.default.clone()]
        })
    }
}

fn render(header: [&str; 3], declared: &[Declared], row: impl Fn(&Declared) -> [String; 3]) -> String {
    let mut rows = vec![header.map(ToOwned::to_owned)];
    rows.extend(declared.iter().map(row));
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0).min(WIDEST)
    };
    let (first, second) = (width(0), width(1));
    rows.iter()
        .map(|[a, b, c]| format!("{a:first$}  {b:second$}  {c}").trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_any_length_is_shown() {
        let long = "x".repeat(70_000);
        let mut env = Env::from_map([("PORT_NAME", long.as_str())]);
        env.string("PORT_NAME", "a name").optional();
        assert!(env.value_table().contains(&long));
    }

    #[test]
    fn tables_show_values_but_no_secret() {
        let mut env = Env::from_map([("AUTH_TOKEN", "hunter2hunter2"), ("PORT", "81")]);
        env.secret("AUTH_TOKEN", "token of callers").required("…");
        env.secret("AUTH_TOKEN_PREVIOUS", "the token before").optional();
        env.number::<u16>("PORT", "port to listen on").default(8080);
        assert_eq!(
            env.value_table(),
            "variable             value  default\n\
             AUTH_TOKEN           set    (required)\n\
             AUTH_TOKEN_PREVIOUS  unset\n\
             PORT                 81     8080\n"
        );
        assert!(
            env.help_table()
                .contains("PORT                 8080        port to listen on")
        );
    }
}
