//! The names of a folder, some of them at a time, in order.

/// The names that follow those that were taken before, as many as are to be held. Every name of the folder is offered
/// for each portion.
pub(super) struct Portion {
    names: Names,
    /// Names taken of `names`.
    taken: usize,
    /// What was taken last, once it is not in `names` any more: only what follows it is wanted.
    after: Option<Vec<u8>>,
    /// So many bytes are held, or a single name. When more are offered, the first half stays.
    most: usize,
    /// The last name that is still wanted, once some were left for another portion.
    until: Option<Vec<u8>>,
    /// Whether there are names for another portion.
    is_cut: bool,
    /// The most bytes that were held.
    peak: usize,
}

impl Portion {
    /// An empty portion for `most` bytes.
    pub(super) fn of(most: usize) -> Self {
        Self { names: Names::default(), taken: 0, after: None, most, until: None, is_cut: false, peak: 0 }
    }

    /// Offers a name, in any order.
    pub(super) fn offer(&mut self, name: &[u8]) {
        let is_done = self.after.as_deref().is_some_and(|after| name <= after);
        let is_for_later = self.until.as_deref().is_some_and(|until| name > until);
        if is_done || is_for_later {
            return;
        }
        self.names.push(name);
        if self.names.bytes() > self.most {
            self.cut();
        }
    }

    /// Leaves the latter half for another portion.
    fn cut(&mut self) {
        self.peak = self.peak.max(self.names.bytes());
        self.names.sort();
        let fits = self.names.fitting(self.most / 2);
        if fits < self.names.count() {
            self.until = self.names.get(fits - 1).map(<[u8]>::to_vec);
            self.is_cut = true;
            self.names.keep(fits);
        }
    }

    /// Every name was offered: they can be taken now.
    pub(super) fn close(&mut self) {
        self.peak = self.peak.max(self.names.bytes());
        self.names.sort();
        self.names.shrink();
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

    /// Whether there are names for another portion.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Bytes that are held, those of names that were taken among them.
    pub(super) fn bytes(&self) -> usize {
        self.names.bytes()
    }

    /// The most bytes that were held at a time.
    pub(super) fn peak(&self) -> usize {
        self.peak
    }

    /// Begins the next portion: names are offered anew.
    pub(super) fn next(&mut self) {
        if let Some(last) = self.taken.checked_sub(1).and_then(|last| self.names.get(last)) {
            self.after = Some(last.to_vec());
        }
        self.names.clear();
        (self.taken, self.until, self.is_cut) = (0, None, false);
    }

    /// Holds nothing any more; what was not taken is for the next portion.
    pub(super) fn forget(&mut self) {
        let goes_on = self.is_cut || !self.is_empty();
        self.next();
        (self.names, self.is_cut) = (Names::default(), goes_on);
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

    /// Keeps the first `count` of what is sorted, in the memory they lie in and in no order.
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
    }

    /// Gives back the memory that nothing lies in.
    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.at.shrink_to_fit();
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

    /// More than any name here takes.
    const LONGEST: usize = 110;

    proptest! {
        #[test]
        fn portions_of_any_size_give_every_name_once_and_in_order(
            names: BTreeSet<Vec<u8>>, most in 1..400_usize, forgets in 0..7_usize,
        ) {
            let offered: Vec<_> = names.iter().rev().collect();
            let (mut portion, mut found) = (Portion::of(most), Vec::new());
            loop {
                for name in &offered {
                    portion.offer(name);
                }
                portion.close();
                prop_assert!(portion.peak() <= most.max(LONGEST) + LONGEST);
                prop_assert!(portion.bytes() <= most.max(LONGEST));
                while let Some(name) = portion.take() {
                    found.push(name.to_vec());
                    if forgets > 0 && found.len() % forgets == 0 {
                        portion.forget();
                        prop_assert_eq!(portion.bytes(), 0);
                    }
                }
                if !portion.is_cut() {
                    break;
                }
                portion.next();
            }
            prop_assert_eq!(found, names.into_iter().collect::<Vec<_>>());
        }
    }
}
