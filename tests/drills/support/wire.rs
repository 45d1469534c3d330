//! The wire between a process and its Redis, which can stop carrying anything without anybody noticing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::AbortOnDropHandle;

/// A wire that carries everything until a process says a certain word, and nothing from then on: it stays connected,
/// takes what it is given, and keeps it.
pub(crate) struct Wire {
    port: u16,
    is_held: Arc<AtomicBool>,
    _carrying: AbortOnDropHandle<()>,
}

impl Wire {
    /// To the Redis at `port`, until a process says `word`.
    pub(crate) async fn until(word: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (own, is_held, word) = (listener.local_addr().unwrap().port(), Arc::default(), word.to_owned());
        let held = Arc::clone(&is_held);
        let carrying = tokio::spawn(async move {
            while let Ok((process, _)) = listener.accept().await {
                tokio::spawn(carry(process, port, word.clone(), Arc::clone(&held)));
            }
        });
        Self { port: own, is_held, _carrying: AbortOnDropHandle::new(carrying) }
    }

    /// What the process takes for its Redis.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Whether the word was said.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::SeqCst)
    }
}

/// Carries between `process` and Redis; what Redis says always arrives.
async fn carry(process: TcpStream, port: u16, word: String, is_held: Arc<AtomicBool>) {
    let redis = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let ((mut said, mut told), (mut answers, mut asked)) = (process.into_split(), redis.into_split());
    let _back = AbortOnDropHandle::new(tokio::spawn(async move { copy(&mut answers, &mut told).await }));
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = said.read(&mut buffer).await {
        if buffer[..count].windows(word.len()).any(|window| window == word.as_bytes()) {
            is_held.store(true, Ordering::SeqCst);
        }
        if !is_held.load(Ordering::SeqCst) && asked.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
