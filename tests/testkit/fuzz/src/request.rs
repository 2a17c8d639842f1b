//! HTTP requests as text, so that a corpus can be read and mutated: a line with method and address, lines
//! with headers, an empty line, and the body.

use http::{HeaderName, HeaderValue, Request};

/// Where the body of a request's text begins, behind the first empty line.
pub fn body_of(text: &[u8]) -> usize {
    let end = text.windows(2).position(|pair| pair == b"\n\n");
    end.map_or(text.len(), |end| end + 2)
}

/// The request that `text` is; `None` if HTTP knows no such request, and no server would get to see it.
pub fn read(text: &[u8]) -> Option<Request<Vec<u8>>> {
    let begin = body_of(text);
    let head = text[..begin].trim_ascii_end();
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
    let (method, address) = (first.next()?, first.next()?);
    // What a server gets begins with a slash; anything else would be a proxy's.
    let address = Some(address).filter(|address| address.starts_with(b"/"))?;
    let mut request = Request::builder().method(method).uri(address);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request = request.header(name, value);
    }
    request.body(text[begin..].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_from_text() {
        let request = read(b"POST /a?b=c HTTP\nx: 1\nX:  2 \n\n{\n\n}");
        assert!(request.is_none(), "a blank in the address");
        let request = read(b"POST /a?b=c\nx: 1\nX:  2 \n\n{\n\n}").expect("a request");
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/a"));
        let values: Vec<_> = request.headers().get_all("x").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(request.body(), b"{\n\n}");
        assert!(read(b"GET /\nno header\n\n").is_none() && read(b"GET http://x/\n\n").is_none());
    }
}
