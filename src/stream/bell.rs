//! The bell: the log grew.

use std::sync::Arc;

use tokio::sync::watch;

/// Rings when the log grew. Every clone is the same bell.
///
/// Its value is the size that was told of last, and only a hint: whoever hears it reads the log to know.
#[derive(Clone, Debug)]
pub struct Bell(Arc<Rope>);

#[derive(Debug)]
struct Rope {
    /// What was sealed in this process: what others have to be told.
    sealed: watch::Sender<u64>,
    /// What was sealed anywhere.
    heard: watch::Sender<u64>,
}

impl Bell {
    /// A bell that has not rung.
    pub fn new() -> Self {
        Self(Arc::new(Rope { sealed: watch::Sender::new(0), heard: watch::Sender::new(0) }))
    }

    /// This process sealed; the log holds `size` events now.
    pub fn ring(&self, size: u64) {
        tell(&self.0.sealed, size);
        self.hear(size);
    }

    /// Another process sealed; the log holds `size` events now.
    pub(super) fn hear(&self, size: u64) {
        tell(&self.0.heard, size);
    }

    /// Wakes when anybody sealed.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.0.heard.subscribe()
    }

    /// Wakes when this process sealed.
    pub(super) fn own(&self) -> watch::Receiver<u64> {
        self.0.sealed.subscribe()
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

/// Wakes the listeners unless they know. A size that arrives late wakes them for nothing, which costs one look;
/// keeping the largest would let one wrong size silence the bell.
fn tell(known: &watch::Sender<u64>, size: u64) {
    known.send_if_modified(|known| {
        let is_news = size != *known;
        *known = size;
        is_news
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_for_every_news_and_tells_others_only_of_its_own() {
        let bell = Bell::new();
        let (mut all, mut own) = (bell.listen(), bell.own());
        bell.ring(3);
        assert!(all.has_changed().unwrap() && own.has_changed().unwrap());
        assert_eq!((*all.borrow_and_update(), *own.borrow_and_update()), (3, 3));
        bell.hear(5);
        assert!(all.has_changed().unwrap() && !own.has_changed().unwrap());
        assert_eq!(*all.borrow_and_update(), 5);
        bell.clone().ring(6);
        assert!(all.has_changed().unwrap() && own.has_changed().unwrap());
        all.mark_unchanged();
        bell.hear(6);
        assert!(!all.has_changed().unwrap());
        bell.hear(u64::MAX);
        all.mark_unchanged();
        bell.hear(7);
        assert!(all.has_changed().unwrap());
    }
}
