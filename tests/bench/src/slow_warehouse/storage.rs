//! The Storage Write API: gRPC connections, which are passed on without a look into them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::counts::Counts;

const PIECE: usize = 64 << 10;

/// Serves one connection. What the warehouse says after something was sent is an exchange, and comes `wait` later.
///
/// # Errors
/// If one side hangs up.
pub async fn one(mut client: TcpStream, upstream: SocketAddr, wait: Duration, counts: Arc<Counts>) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut from_server) = (vec![0; PIECE], vec![0; PIECE]);
    let mut asked = false;
    loop {
        tokio::select! {
            length = client.read(&mut from_client) => {
                let length = length?;
                if length == 0 {
                    return Ok(());
                }
                asked = true;
                server.write_all(&from_client[..length]).await?;
            }
            length = server.read(&mut from_server) => {
                let length = length?;
                if length == 0 {
                    return Ok(());
                }
                if std::mem::take(&mut asked) {
                    counts.add_exchange();
                    tokio::time::sleep(wait).await;
                }
                client.write_all(&from_server[..length]).await?;
            }
        }
    }
}
