//! The names of a folder, some of them at a time, in order.

/// The names that follow those that were taken before, as many as are to be held. Every name of the folder is offered
/// for each window.
pub(super) struct Window {
    names: Names,
    /// Names taken of `names`.
    taken: usize,
    /// What was taken last, once it is not in `names` any more: only what follows it is wanted.
    after: Option<Vec<u8>>,
    /// So many bytes are held when it is closed, and twice as many while names are offered.
    most: usize,
    /// The last name that is still wanted, once some were left for another window.
    until: Option<Vec<u8>>,
}

impl Window {
    /// An empty window for `most` bytes.
    pub(super) fn of(most: usize) -> Self {
        Self { names: Names::default(), taken: 0, after: None, most, until: None }
    }

    /// Offers a name, in any order.
    pub(super) fn offer(&mut self, name: &[u8]) {
        let is_done = self.after.as_deref().is_some_and(|after| name <= after);
        let is_for_later = self.until.as_deref().is_some_and(|until| name > until);
        if is_done || is_for_later {
            return;
        }
        self.names.push(name);
        if self.names.bytes() > self.most.saturating_mul(2) {
            self.close();
        }
    }

    /// Every name was offered: they can be taken now.
    pub(super) fn close(&mut self) {
        self.names.sort();
        let fits = self.names.fitting(self.most);
        if fits < self.names.count() {
            self.names.keep(fits);
            self.until = self.names.get(fits - 1).map(<[u8]>::to_vec);
        }
    }

    /// The next name.
    pub(super) fn take(&mut self) -> Option<&[u8]> {
        let name = self.names.get(self.taken)?;
        self.taken += 1;
        Some(name)
    }

    /// Whether all that it holds was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.taken >= self.names.count()
    }

    /// Whether there are names for another window.
    pub(super) fn is_cut(&self) -> bool {
        self.until.is_some()
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.names.bytes()
    }

    /// Begins the next window: names are offered anew.
    pub(super) fn next(&mut self) {
        if let Some(last) = self.taken.checked_sub(1).and_then(|last| self.names.get(last)) {
            self.after = Some(last.to_vec());
        }
        self.names.clear();
        (self.taken, self.until) = (0, None);
    }

    /// Holds nothing any more; what was not taken is for the next window.
    pub(super) fn forget(&mut self) {
        if !self.is_empty() {
            let until = self.names.get(self.names.count() - 1).map(<[u8]>::to_vec);
            self.next();
            self.until = until;
        }
    }
}

/// Many names in one piece of memory.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    at: Vec<(u32, u16)>,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        // Names are at most 255 bytes, so neither conversion fails before four gigabytes are held at a time.
        if let (Ok(start), Ok(len)) = (u32::try_from(self.bytes.len()), u16::try_from(name.len())) {
            self.at.push((start, len));
            self.bytes.extend_from_slice(name);
        }
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, len) = *self.at.get(index)?;
        self.bytes.get(start as usize..start as usize + usize::from(len))
    }

    fn count(&self) -> usize {
        self.at.len()
    }

    fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(self.at.as_slice())
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        let name = |&(start, len): &(u32, u16)| &bytes[start as usize..start as usize + usize::from(len)];
        self.at.sort_unstable_by(|left, right| name(left).cmp(name(right)));
    }

    /// How many of the first names have `most` bytes together; at least one.
    fn fitting(&self, most: usize) -> usize {
        let mut bytes = 0;
        let fits = self.at.iter().take_while(|(_, len)| {
            bytes += usize::from(*len) + size_of::<(u32, u16)>();
            bytes <= most
        });
        fits.count().max(1)
    }

    /// Keeps the first `count` of what is sorted, in the memory they lie in.
    fn keep(&mut self, count: usize) {
        self.at.truncate(count);
        self.at.sort_unstable();
        let mut end = 0;
        for (start, len) in &mut self.at {
            let (from, to) = (*start as usize, *start as usize + usize::from(*len));
            self.bytes.copy_within(from..to, end);
            // It only moves towards the front.
            *start = u32::try_from(end).unwrap_or(*start);
            end += usize::from(*len);
        }
        self.bytes.truncate(end);
        self.sort();
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.at.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_of_any_size_give_every_name_once_and_in_order(
            names: BTreeSet<Vec<u8>>, most in 1..400_usize, forgets in 0..7_usize,
        ) {
            let offered: Vec<_> = names.iter().rev().collect();
            let (mut window, mut found) = (Window::of(most), Vec::new());
            loop {
                for name in &offered {
                    window.offer(name);
                    prop_assert!(window.bytes() <= 2 * most + 300 + 2 * name.len());
                }
                window.close();
                while let Some(name) = window.take() {
                    found.push(name.to_vec());
                    if forgets > 0 && found.len() % forgets == 0 {
                        window.forget();
                    }
                }
                if !window.is_cut() {
                    break;
                }
                window.next();
            }
            prop_assert_eq!(found, names.into_iter().collect::<Vec<_>>());
        }
    }
}
