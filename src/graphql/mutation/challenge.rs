//! Recording challenges.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    app::{self, challenge::Record},
    domain::{stakeholder::Lesson, text::Prose},
    error::{Result, parse},
    graphql::{
        context::Caller,
        id,
        mutation::once,
        payload::{Nullable, payload, settle},
        types::challenge::Challenge,
    },
};

/// Records challenges.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChallengeMutation;

/// A challenge as somebody records it; at least one of its three texts.
#[derive(Clone, Debug, InputObject)]
pub struct ChallengeRecordInput {
    /// The engagement it belongs to.
    engagement_id: ID,
    /// The challenge whose missing texts these are; left out, a new one is recorded. What was recorded never changes.
    id: Option<ID>,
    /// The difficulty that was expected, 1 to 4,000 characters.
    expected: Option<String>,
    /// The difficulty that came, 1 to 4,000 characters.
    actual: Option<String>,
    /// What to do differently, 1 to 4,000 characters.
    learning: Option<String>,
    /// The caller's name for this request, 8 to 128 characters; the same key never records two challenges.
    idempotency_key: String,
}

fn text(field: &str, text: Option<&String>) -> Result<Option<String>> {
    text.map(|text| Ok(parse::<Prose>(field, text)?.into_string())).transpose()
}

impl ChallengeRecordInput {
    fn parse(&self) -> Result<Record> {
        Ok(Record {
            engagement_id: id::get(&self.engagement_id, "engagement", "engagementId")?,
            existing: self.id.as_ref().map(|id| id::get(id, "challenge", "id")).transpose()?,
            lesson: Lesson {
                expected: text("expected", self.expected.as_ref())?,
                actual: text("actual", self.actual.as_ref())?,
                learning: text("learning", self.learning.as_ref())?,
            },
        })
    }
}

payload! {
    /// The recorded challenge.
    once ChallengeRecordPayload {
        /// The challenge.
        challenge: Challenge,
    }
}

#[Object]
impl ChallengeMutation {
    /// Records a difficulty of an engagement and what it taught, all at once or as it comes to be known.
    /// Example: `mutation { challengeRecord(input: { engagementId: "eng_…", expected: "Two laptops stay away.",
    /// idempotencyKey: "laptops-away" }) { challenge { id } userErrors { message } } }`.
    async fn challenge_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it says.")] input: ChallengeRecordInput,
    ) -> Nullable<ChallengeRecordPayload> {
        let recorded = async {
            let once = once("challengeRecord", &input.idempotency_key, &input)?;
            let done = app::challenge::record(ctx.app(), ctx.actor()?, input.parse()?, once).await?;
            Ok(ChallengeRecordPayload::done(done.is_replayed, done.made.into()))
        };
        settle(recorded.await)
    }
}
