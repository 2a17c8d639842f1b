//! Many connections that ask the same again and again: as little client as possible, because it shares the machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use local_stack::Failed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came of a load.
pub struct Load {
    /// Answers in a second.
    pub per_second: f64,
    /// Seconds from request to answer, of each.
    pub latencies: Vec<f64>,
    /// Answers by status.
    pub statuses: Vec<(u16, usize)>,
}

/// Sends `request`, a whole HTTP/1.1 request, over so many connections for so long.
///
/// # Errors
/// If nothing is answered.
pub fn run(address: SocketAddr, request: &str, connections: usize, duration: Duration) -> Result<Load, Failed> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let request: Arc<[u8]> = request.as_bytes().into();
    let begun = Instant::now();
    let answers: Vec<(u16, f64)> = runtime.block_on(async {
        let mut callers = JoinSet::new();
        for _ in 0..connections {
            let request = request.clone();
            callers.spawn(async move { caller(address, &request, begun + duration).await });
        }
        let all = callers.join_all().await;
        all.into_iter().flatten().collect()
    });
    let took = begun.elapsed().as_secs_f64();
    let mut statuses: Vec<(u16, usize)> = Vec::new();
    for (status, _) in &answers {
        match statuses.iter_mut().find(|(known, _)| known == status) {
            Some((_, count)) => *count += 1,
            None => statuses.push((*status, 1)),
        }
    }
    if answers.is_empty() {
        return Err(format!("{address} answers nothing"));
    }
    Ok(Load {
        per_second: answers.len() as f64 / took,
        latencies: answers.into_iter().map(|(_, latency)| latency).collect(),
        statuses,
    })
}

/// One connection's answers: statuses and seconds. It ends early if the connection breaks.
async fn caller(address: SocketAddr, request: &[u8], until: Instant) -> Vec<(u16, f64)> {
    let mut answers = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return answers;
    };
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(4096);
    while Instant::now() < until {
        let begun = Instant::now();
        if stream.write_all(request).await.is_err() {
            break;
        }
        match answer(&mut stream, &mut buffer).await {
            Some(status) => answers.push((status, begun.elapsed().as_secs_f64())),
            None => break,
        }
    }
    answers
}

/// Reads one answer; its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<u16> {
    buffer.clear();
    loop {
        if let Some((status, length)) = whole(buffer)
            && buffer.len() >= length
        {
            return Some(status);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Status and whole length of an answer whose head is there.
fn whole(received: &[u8]) -> Option<(u16, usize)> {
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..end]).ok()?.to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or_default();
    Some((status, end + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        let text = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\n{\"a\":1}";
        assert_eq!(whole(text), Some((401, 49 + 12)));
        assert_eq!(whole(&text[..20]), None);
    }
}
