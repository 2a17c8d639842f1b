//! What Google's Functions Framework promises a platform (<https://github.com/GoogleCloudPlatform/functions-framework>):
//! `PORT`, `FUNCTION_TARGET`, `FUNCTION_SIGNATURE_TYPE`, and on Cloud Run `K_SERVICE`.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request};

use crate::config::Env;
use crate::error::ApiError;

/// What is sent to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureType {
    /// Any HTTP request.
    Http,
    /// `POST /` takes CloudEvents and nothing else, in either form of their HTTP binding.
    CloudEvent,
}

impl SignatureType {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::CloudEvent => "cloudevent",
        }
    }

    /// Declares and reads `FUNCTION_TARGET` and `FUNCTION_SIGNATURE_TYPE`. `function` is the only one in this program,
    /// and `supported` its signatures, the default first.
    pub(super) fn read(env: &mut Env, function: &'static str, supported: &'static [Self]) -> Self {
        let _ = env
            .string("FUNCTION_TARGET", "the function to run; this program has one")
            .check(move |target| match target == function {
                true => Ok(()),
                false => Err(format!("is '{target}', but this program's function is '{function}'")),
            })
            .default(function.into());
        let default = supported.first().copied().unwrap_or(Self::Http);
        let name = env
            .string(
                "FUNCTION_SIGNATURE_TYPE",
                "what is sent to it: http, or cloudevent where a function takes events",
            )
            .check(
                move |name| match supported.iter().any(|signature| signature.name() == name) {
                    true => Ok(()),
                    false => {
                        let names: Vec<&str> = supported.iter().map(|signature| signature.name()).collect();
                        Err(format!("is '{name}'; '{function}' takes: {}", names.join(", ")))
                    }
                },
            )
            .default(default.name().into());
        supported
            .iter()
            .copied()
            .find(|signature| signature.name() == name)
            .unwrap_or(default)
    }

    /// Whether a request may be sent to the function.
    ///
    /// # Errors
    /// 400 for what is no CloudEvent, where only those are taken.
    pub(super) fn admit(self, request: &Request<Body>) -> Result<(), ApiError> {
        let wanted = self == Self::Http || *request.method() != Method::POST || request.uri().path() != "/";
        if wanted || is_cloud_event(request) {
            return Ok(());
        }
        let message = "this function takes CloudEvents only (FUNCTION_SIGNATURE_TYPE=cloudevent)";
        Err(ApiError::bad_request("not_a_cloudevent", message)
            .with_hint("send the headers ce-id, ce-source, ce-type and ce-specversion, or Content-Type: application/cloudevents+json"))
    }
}

/// In binary mode the event's attributes are headers; in structured mode all of it is the body.
/// <https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md>
fn is_cloud_event(request: &Request<Body>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.headers().contains_key("ce-specversion")
        || kind.is_some_and(|kind| kind.starts_with(b"application/cloudevents+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[SignatureType] = &[SignatureType::Http, SignatureType::CloudEvent];

    #[test]
    fn the_contracts_variables_are_read_and_wrong_ones_refused() {
        let read = |supported, variables: &[(&str, &str)]| {
            let mut env = Env::from_map(variables.iter().copied());
            let signature = SignatureType::read(&mut env, "hello", supported);
            env.finish()
                .map(|()| signature)
                .map_err(|problems| problems.to_string())
        };
        assert_eq!(read(BOTH, &[]), Ok(SignatureType::Http));
        let set = [("FUNCTION_TARGET", "hello"), ("FUNCTION_SIGNATURE_TYPE", "cloudevent")];
        assert_eq!(read(BOTH, &set), Ok(SignatureType::CloudEvent));
        let problem = read(&BOTH[..1], &set).unwrap_err();
        assert!(problem.contains("'hello' takes: http"), "{problem}");
        let problem = read(BOTH, &[("FUNCTION_TARGET", "other")]).unwrap_err();
        assert!(problem.contains("this program's function is 'hello'"), "{problem}");
    }

    #[test]
    fn a_function_of_cloudevents_takes_nothing_else_at_its_root() {
        let request = |method: &str, path: &str, header: (&str, &str)| {
            let request = Request::builder().method(method).uri(path).header(header.0, header.1);
            request.body(Body::empty()).expect("a request")
        };
        let plain = ("content-type", "application/json");
        for (signature, method, path, header, admitted) in [
            (SignatureType::Http, "POST", "/", plain, true),
            (SignatureType::CloudEvent, "POST", "/", plain, false),
            (SignatureType::CloudEvent, "GET", "/", plain, true),
            (SignatureType::CloudEvent, "POST", "/runs/1/cancel", plain, true),
            (SignatureType::CloudEvent, "POST", "/", ("ce-specversion", "1.0"), true),
            (
                SignatureType::CloudEvent,
                "POST",
                "/",
                ("content-type", "application/cloudevents+json; charset=utf-8"),
                true,
            ),
        ] {
            let verdict = signature.admit(&request(method, path, header));
            assert_eq!(verdict.is_ok(), admitted, "{signature:?} {method} {path} {header:?}");
        }
    }
}
