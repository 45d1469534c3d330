//! How far a job is, how fast it goes and when it will be done.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::TargetCounts;

words! {
    /// What a job counts.
    ProgressUnit {
        /// Its targets, whatever they are.
        Targets = "TARGETS",
        /// Files.
        Files = "FILES",
        /// Devices.
        Devices = "DEVICES",
        /// Accounts and keys.
        Accounts = "ACCOUNTS",
        /// Rules, checks and other settings.
        Rules = "RULES",
        /// Records of outside systems.
        Records = "RECORDS",
    }
}

/// How far a job is. The row holds the latest; what came before is not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What `done` and `total` count.
    pub unit: ProgressUnit,
    /// What it is doing, as a word of its kind, where it does one thing after another; the counts are of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// How many are done.
    pub done: u64,
    /// How many there are, as soon as that is known.
    pub total: Option<u64>,
    /// How many bytes are done; 0 for a job that moves none.
    pub bytes_done: u64,
    /// How many bytes there are, as soon as that is known.
    pub bytes_total: Option<u64>,
    /// How many targets stand where.
    #[serde(default)]
    pub targets: TargetCounts,
    /// Bytes a second while bytes are counted, else units a second. None until it can be told.
    pub rate: Option<f64>,
    /// When it will be done at that rate.
    pub eta: Option<DateTime<Utc>>,
}

impl Progress {
    /// Nothing is done yet and nobody knows how much there is.
    pub fn none(unit: ProgressUnit) -> Self {
        Self {
            unit,
            phase: None,
            done: 0,
            total: None,
            bytes_done: 0,
            bytes_total: None,
            targets: TargetCounts::default(),
            rate: None,
            eta: None,
        }
    }

    /// The share that is done, from 0 to 1: of the bytes when they are counted, else of the units.
    pub fn fraction(&self) -> Option<f64> {
        let (done, total) = self.measure();
        total.map(|total| if total == 0 { 1.0 } else { (as_f64(done) / as_f64(total)).min(1.0) })
    }

    /// The finer of the two counts.
    fn measure(&self) -> (u64, Option<u64>) {
        if self.bytes_total.is_some() || self.bytes_done > 0 {
            (self.bytes_done, self.bytes_total)
        } else {
            (self.done, self.total)
        }
    }
}

/// How fast older speed is forgotten: after this time it weighs 37 %. Long enough that one slow file does
/// not make the estimate jump, short enough that a changed speed shows within half a minute.
const MEMORY: TimeDelta = TimeDelta::seconds(10);
/// Two looks closer than this tell nothing about speed.
const MIN_SPAN: TimeDelta = TimeDelta::milliseconds(100);
/// An estimate beyond this is noise; about 30 years.
const MAX_ETA_SECS: f64 = 1e9;

/// Tells speed and end of one run from what is seen of its progress.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    last: Option<(DateTime<Utc>, u64)>,
    rate: Option<f64>,
}

impl Meter {
    /// Fills in `rate` and `eta` of `progress` as seen at `now`.
    pub fn read(&mut self, progress: &mut Progress, now: DateTime<Utc>) {
        let (done, total) = progress.measure();
        match self.last {
            // The count went back (another count took over, or work is done again): begin anew.
            Some((_, before)) if done < before => *self = Self { last: Some((now, done)), rate: None },
            Some((then, before)) if now - then >= MIN_SPAN => {
                self.rate = Some(blend(self.rate, done - before, now - then));
                self.last = Some((now, done));
            }
            Some(_) => {}
            None => self.last = Some((now, done)),
        }
        progress.rate = self.rate;
        progress.eta = total.zip(self.rate).and_then(|(total, rate)| eta(total.saturating_sub(done), rate, now));
    }
}

/// The old rate, moved towards what was seen over `span`.
fn blend(old: Option<f64>, done: u64, span: TimeDelta) -> f64 {
    let seconds = as_secs(span);
    let seen = as_f64(done) / seconds;
    let keep = (-seconds / as_secs(MEMORY)).exp();
    old.map_or(seen, |old| old * keep + seen * (1.0 - keep))
}

fn eta(left: u64, rate: f64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let seconds = as_f64(left) / rate;
    if !seconds.is_finite() || seconds > MAX_ETA_SECS {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 1e12 by the check above")]
    let millis = (seconds * 1000.0) as i64;
    now.checked_add_signed(TimeDelta::milliseconds(millis))
}

fn as_secs(span: TimeDelta) -> f64 {
    span.as_seconds_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a rate is an estimate")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_790_000_000_000 + millis).unwrap()
    }

    fn bytes(done: u64, total: u64) -> Progress {
        Progress { bytes_done: done, bytes_total: Some(total), ..Progress::none(ProgressUnit::Files) }
    }

    #[test]
    fn a_steady_speed_gives_its_rate_and_end() {
        let mut meter = Meter::default();
        for second in 0..=5 {
            let mut progress = bytes(1_000 * second, 10_000);
            meter.read(&mut progress, at(1_000 * i64::try_from(second).unwrap()));
            if second == 0 {
                assert_eq!((progress.rate, progress.eta), (None, None));
            }
            if second == 5 {
                assert!((progress.rate.unwrap() - 1_000.0).abs() < 1e-6);
                assert_eq!(progress.eta, Some(at(10_000)));
            }
        }
    }

    #[test]
    fn a_stall_pushes_the_end_away_and_never_divides_by_zero() {
        let mut meter = Meter::default();
        let mut progress = bytes(0, 10_000);
        meter.read(&mut progress, at(0));
        progress.bytes_done = 5_000;
        meter.read(&mut progress, at(1_000));
        let before = progress.eta.unwrap();
        meter.read(&mut progress, at(20_000));
        assert!(progress.eta.unwrap() > before);
        let mut still = Meter::default();
        let mut nothing = bytes(0, 10);
        still.read(&mut nothing, at(0));
        still.read(&mut nothing, at(5_000));
        assert_eq!((nothing.rate, nothing.eta), (Some(0.0), None));
    }

    #[test]
    fn a_count_that_goes_back_begins_anew() {
        let mut meter = Meter::default();
        meter.read(&mut bytes(9_000, 10_000), at(0));
        let mut progress = bytes(10, 10_000);
        meter.read(&mut progress, at(1_000));
        assert_eq!(progress.rate, None);
        progress.bytes_done = 110;
        meter.read(&mut progress, at(2_000));
        assert_eq!(progress.rate, Some(100.0));
    }

    #[test]
    fn the_fraction_is_of_bytes_when_bytes_are_counted() {
        assert_eq!(bytes(25, 100).fraction(), Some(0.25));
        assert_eq!(bytes(0, 0).fraction(), Some(1.0));
        let units = Progress { done: 1, total: Some(4), ..Progress::none(ProgressUnit::Targets) };
        assert_eq!(units.fraction(), Some(0.25));
        assert_eq!(Progress::none(ProgressUnit::Targets).fraction(), None);
    }

    #[test]
    fn stored_progress_reads_back() {
        let progress = Progress { rate: Some(1.5), eta: Some(at(1)), ..bytes(1, 2) };
        let json = serde_json::to_value(&progress).unwrap();
        assert_eq!(json["bytesDone"], 1);
        assert_eq!(serde_json::from_value::<Progress>(json).unwrap(), progress);
    }
}
