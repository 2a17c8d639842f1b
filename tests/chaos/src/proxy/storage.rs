//! The Storage Write API: pieces of gRPC connections, which it does not look into.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Mood, Moods};

const PIECE: usize = 16 << 10;

/// Serves one connection.
///
/// # Errors
/// If the client hangs up, or the warehouse is not there: both are part of the game.
pub async fn one(mut client: TcpStream, upstream: SocketAddr, moods: Arc<Moods>) -> io::Result<()> {
    client.set_zero_linger()?;
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut from_server) = (vec![0; PIECE], vec![0; PIECE]);
    loop {
        let (sent, length) = tokio::select! {
            length = client.read(&mut from_client) => (true, length?),
            length = server.read(&mut from_server) => (false, length?),
        };
        if length == 0 {
            return Ok(());
        }
        match moods.storage(sent) {
            Some(Mood::Slow(ms)) => {
                moods.did("storage slow");
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            Some(Mood::ResetBefore | Mood::ResetAfter) => {
                moods.did(if sent {
                    "storage reset before"
                } else {
                    "storage reset after"
                });
                // Dropping both ends resets the function's.
                return Ok(());
            }
            _ => {}
        }
        if sent {
            server.write_all(&from_client[..length]).await?;
        } else {
            client.write_all(&from_server[..length]).await?;
        }
    }
}
