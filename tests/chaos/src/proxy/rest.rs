//! BigQuery's REST API: one request on each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Mood, Moods};

/// A larger head is none that a client of ours sends.
const MAX_HEAD: usize = 64 << 10;

/// Serves one connection.
///
/// # Errors
/// If the client hangs up, or the warehouse is not there: both are part of the game.
pub async fn one(mut client: TcpStream, upstream: SocketAddr, moods: Arc<Moods>) -> io::Result<()> {
    // A connection that ends in any other way than below is reset.
    client.set_zero_linger()?;
    let Some(request) = read(&mut client).await? else {
        return Ok(());
    };
    let mood = moods.rest();
    if let Some(mood) = mood {
        moods.did(mood.name());
    }
    let answer = match mood {
        Some(Mood::ResetBefore) => return Ok(()),
        Some(Mood::Refuse(status)) => refusal(status),
        _ => {
            let mut server = TcpStream::connect(upstream).await?;
            server.write_all(&request).await?;
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).await?;
            answer
        }
    };
    match mood {
        Some(Mood::ResetAfter) => return Ok(()),
        Some(Mood::Slow(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        _ => {}
    }
    client.write_all(&answer).await?;
    client.shutdown().await?;
    // Closing at once with no time to linger would take away what is still under way.
    let _ = tokio::time::timeout(Duration::from_secs(5), client.read(&mut [0])).await;
    Ok(())
}

/// A whole request, which asks for the connection's end after its answer; none if the client hung up.
async fn read(client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() > MAX_HEAD || client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut length = 0;
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "connection" => continue,
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => return Err(io::Error::other("a body without a length")),
            _ => {}
        }
        lines.push(line);
    }
    while bytes.len() < head + length {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let mut request = lines.join("\r\n").into_bytes();
    request.extend(b"\r\nConnection: close\r\n\r\n");
    request.extend(&bytes[head..head + length]);
    Ok(Some(request))
}

/// BigQuery's own words.
fn refusal(status: u16) -> Vec<u8> {
    let (title, reason, word) = match status {
        429 => ("Too Many Requests", "rateLimitExceeded", "RESOURCE_EXHAUSTED"),
        _ => ("Service Unavailable", "backendError", "UNAVAILABLE"),
    };
    let body = format!(
        r#"{{"error":{{"code":{status},"message":"{title}","errors":[{{"message":"{title}","domain":"global","reason":"{reason}"}}],"status":"{word}"}}}}"#
    );
    format!(
        "HTTP/1.1 {status} {title}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
