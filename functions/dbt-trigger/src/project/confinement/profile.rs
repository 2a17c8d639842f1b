//! A profile that a fetched project brings along: dbt would show our access to BigQuery to whatever address it names.

use serde_norway::Value;

use super::settings::{SettingProblem, is_jinja, settings};

/// Checks `profiles.yml`.
///
/// # Errors
/// The first setting that is refused.
pub(super) fn check(profile: &Value) -> Result<(), SettingProblem> {
    match profile {
        Value::Mapping(_) => {
            for (name, value) in settings(profile) {
                match (name.as_str(), value.as_str()) {
                    ("api-endpoint", Some(address)) if !is_ours(address, is_googles) => {
                        return Err(SettingProblem::Endpoint {
                            setting: "api_endpoint".into(),
                            value: address.to_owned(),
                        });
                    }
                    ("dataproc-region" | "compute-region", Some(region)) if !is_ours(region, is_region) => {
                        return Err(SettingProblem::Region {
                            setting: name.replace('-', "_"),
                            value: region.to_owned(),
                        });
                    }
                    _ => {}
                }
                check(value)?;
            }
            Ok(())
        }
        Value::Sequence(list) => list.iter().try_for_each(check),
        Value::Tagged(tagged) => check(&tagged.value),
        _ => Ok(()),
    }
}

/// Whether a value is plain and passes, or is a variable of this function's environment whose default does.
fn is_ours(value: &str, passes: fn(&str) -> bool) -> bool {
    if !is_jinja(value) {
        return passes(value);
    }
    let inner = value.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let arguments = inner
        .and_then(|inner| inner.trim().strip_prefix("env_var(")?.strip_suffix(')'))
        .map(|arguments| arguments.split(',').map(str::trim).collect::<Vec<_>>());
    match arguments.as_deref() {
        Some([name]) => quoted(name).is_some(),
        Some([name, default]) => {
            quoted(name).is_some() && quoted(default).is_some_and(|text| text.is_empty() || passes(text))
        }
        _ => false,
    }
}

/// What stands in quotes, if nothing else does.
fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(['\'', '"', '\\'])).then_some(inner)
    })
}

fn is_googles(address: &str) -> bool {
    let host = match url::Url::parse(address) {
        Ok(url) if url.scheme() == "https" && url.username().is_empty() => url.host_str().map(ToOwned::to_owned),
        _ => None,
    };
    host.is_some_and(|host| host.ends_with(".googleapis.com"))
}

fn is_region(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
