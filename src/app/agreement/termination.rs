//! The notice that ends a service, and taking it back.

use chrono::NaiveDate;

use super::{check_file, end, not_in_future, save};
use crate::{
    app::{App, Deed, Done, Once, client, engagement, revision::expect_revision},
    auth::{Actor, Permission},
    domain::{
        Refused,
        agreement::{
            Agreement, AgreementDetails, AgreementKind, AgreementState, AgreementVerb, NoticeChannel, Signature,
            SignatureMethod, TerminationNotice,
        },
        client::{Client, ClientStage},
        event::{EventKind, NewEvent},
        text::{Name, Prose},
    },
    error::{Error, Result, Violation, at},
    ids::{AgreementId, ClientId, FileId},
    store,
};

/// That a client, or the provider, gave notice.
#[derive(Clone, Debug)]
pub struct Terminate {
    /// Whose service ends.
    pub client_id: ClientId,
    /// The day the notice came.
    pub received_on: NaiveDate,
    /// How it came.
    pub channel: NoticeChannel,
    /// Who gave it.
    pub given_by: Name,
    /// The last day of service.
    pub final_service_on: NaiveDate,
    /// Until when the agreement outlives the service, when it does.
    pub ends_on: Option<NaiveDate>,
    /// Why the notice is shorter than was agreed; needed when it is.
    pub short_notice_reason: Option<Prose>,
    /// The notice itself.
    pub file_id: Option<FileId>,
}

/// That both sides go on, although notice was given.
#[derive(Clone, Debug)]
pub struct Withdraw {
    /// The notice.
    pub id: AgreementId,
    /// The revision the caller read.
    pub expected_revision: i32,
    /// Why, and who of the client said so.
    pub reason: Prose,
}

/// Records that notice was given, and with it the client's last day of service. An earlier notice ends.
///
/// # Errors
/// `Forbidden`; `NotFound` on `clientId` or `fileId`; `Violation` on `receivedOn`, `finalServiceOn`, `endsOn` or
/// `shortNoticeReason`; `Conflict` when the relationship has ended already.
pub async fn terminate(app: &App, actor: &Actor, input: Terminate, once: Once) -> Result<Done<(Client, Agreement)>> {
    actor.require(Permission::TerminationRecord)?;
    let mut deed = app.begin(actor).await?;
    if let Some(id) = deed.replayed(once).await? {
        return Ok(Done::earlier(recorded(&deed, id).await?));
    }
    let mut client = store::client::lock(deed.tx(), &actor.scope, input.client_id, "clientId").await?;
    if client.stage == ClientStage::Concluded {
        return Err(Error::state("The service relationship with this client has ended already."));
    }
    not_in_future("receivedOn", input.received_on, &client, &deed)?;
    check_file(&deed, client.id, input.file_id).await?;
    let terms = notice(&input, agreed_days(&deed, client.id).await?)?;
    end(&mut deed, client.id, AgreementKind::TerminationNotice).await?;
    let notice = notice_of(&deed, input, terms);
    store::agreement::insert(deed.tx(), &notice).await?;
    client.final_service_on = final_service_on(&notice);
    client::save(&mut deed, &mut client).await?;
    let terminated = deed.record(terminated(&notice));
    deed.follow(Some(terminated));
    engagement::restage(&mut deed, &mut client).await?;
    deed.answer(notice.id);
    deed.commit().await?;
    Ok(Done::now((client, notice)))
}

/// What an earlier request recorded. Nothing is changed, so nothing is locked.
async fn recorded(deed: &Deed<'_>, id: AgreementId) -> Result<(Client, Agreement)> {
    let scope = &deed.actor().scope;
    let notice = store::agreement::load_many(deed.tx(), scope, &[id]).await?.pop();
    let notice = notice.ok_or_else(|| Error::not_found("agreement", "id"))?;
    let client = store::client::find(deed.tx(), scope, notice.client_id).await?;
    Ok((client.ok_or_else(|| Error::not_found("client", "clientId"))?, notice))
}

/// Takes a notice back: it ends, and with it the day on which the service was to end.
///
/// # Errors
/// `Forbidden`; `NotFound` on `id`; `Conflict` when it changed since it was read, is no notice in force, or an
/// offboarding follows from it.
pub async fn withdraw(app: &App, actor: &Actor, input: Withdraw) -> Result<(Client, Agreement)> {
    actor.require(Permission::TerminationWithdraw)?;
    let mut deed = app.begin(actor).await?;
    let known = store::agreement::load_many(deed.tx(), &actor.scope, &[input.id]).await?.pop();
    let client_id = known.ok_or_else(|| Error::not_found("agreement", "id"))?.client_id;
    let mut client = store::client::lock(deed.tx(), &actor.scope, client_id, "id").await?;
    let mut notice = store::agreement::lock(deed.tx(), &actor.scope, input.id, "id").await?;
    expect_revision(notice.id, input.expected_revision, notice.revision)?;
    if notice.kind() != AgreementKind::TerminationNotice {
        return Err(Error::state(format!("This is a {}, not a notice.", notice.kind())));
    }
    if client.stage == ClientStage::Offboarding {
        let refused = Refused::new("An offboarding follows from this notice.");
        return Err(refused.remedy("Cancel it first with engagementCancel; what it made is kept.").into());
    }
    notice.state = notice.state.after(AgreementVerb::End)?;
    save(&mut deed, &mut notice).await?;
    client.final_service_on = None;
    client::save(&mut deed, &mut client).await?;
    let summary = format!("The notice was taken back: {}", input.reason.as_str());
    let event = NewEvent::new(EventKind::TerminationWithdrawn, notice.id, summary).client(client.id);
    deed.record(event.with("reason", input.reason.as_str()));
    deed.commit().await?;
    Ok((client, notice))
}

/// How many days' notice the agreements in force ask for: the longest of them.
async fn agreed_days(deed: &Deed<'_>, client: ClientId) -> Result<u16> {
    let signed = store::agreement::lock_signed(deed.tx(), client, AgreementKind::ServiceAgreement).await?;
    let days = |agreement: &Agreement| match &agreement.details {
        AgreementDetails::ServiceAgreement(details) => details.notice_days,
        AgreementDetails::Sla(_) | AgreementDetails::Sow(_) | AgreementDetails::TerminationNotice(_) => None,
    };
    Ok(signed.iter().filter_map(days).max().unwrap_or_default())
}

/// What the notice says, when its days make sense together and with what was agreed.
fn notice(input: &Terminate, agreed_days: u16) -> Result<TerminationNotice> {
    let given_days = (input.final_service_on - input.received_on).num_days();
    if given_days < 0 {
        let wrong = Violation::new("finalServiceOn", "Service cannot end before the notice came.");
        return Err(wrong.remedy("Give a day on or after `receivedOn`.").into());
    }
    if input.ends_on.is_some_and(|ends_on| ends_on < input.final_service_on) {
        let wrong = Violation::new("endsOn", "The agreement cannot end before the service does.");
        return Err(wrong.remedy("Give a day on or after `finalServiceOn`, or leave it out.").into());
    }
    let given_days = u16::try_from(given_days).unwrap_or(u16::MAX);
    if given_days < agreed_days && input.short_notice_reason.is_none() {
        let message = format!("{agreed_days} days' notice are agreed, and this is a notice of {given_days} days.");
        let remedy = "Move `finalServiceOn`, or say as `shortNoticeReason` why both sides agree on an earlier end.";
        return Err(Violation::new("finalServiceOn", message).remedy(remedy).into());
    }
    let notice = TerminationNotice {
        received_on: input.received_on,
        channel: input.channel,
        notice_days: agreed_days.min(given_days),
        final_service_on: input.final_service_on,
        short_notice_reason: input.short_notice_reason.as_ref().map(ToString::to_string),
    };
    let details = AgreementDetails::TerminationNotice(notice.clone());
    details.check().map_err(|invalid| at("finalServiceOn", invalid))?;
    Ok(notice)
}

fn notice_of(deed: &Deed<'_>, input: Terminate, terms: TerminationNotice) -> Agreement {
    let method = match input.channel {
        NoticeChannel::Letter | NoticeChannel::InPerson => SignatureMethod::Ink,
        NoticeChannel::Email | NoticeChannel::Portal => SignatureMethod::Electronic,
    };
    let given = Signature {
        name: input.given_by.into_string(),
        title: None,
        signed_on: input.received_on,
        method,
        reference: None,
    };
    Agreement {
        id: deed.app().new_id(),
        client_id: input.client_id,
        state: AgreementState::Signed,
        title: "Termination notice".to_owned(),
        details: AgreementDetails::TerminationNotice(terms),
        file_id: input.file_id,
        effective_on: Some(input.received_on),
        ends_on: input.ends_on,
        signed_at: Some(deed.now()),
        signature: Some(given),
        revision: 1,
        created_by: deed.actor().id,
        created_at: deed.now(),
        updated_at: deed.now(),
    }
}

fn final_service_on(notice: &Agreement) -> Option<NaiveDate> {
    match &notice.details {
        AgreementDetails::TerminationNotice(terms) => Some(terms.final_service_on),
        AgreementDetails::ServiceAgreement(_) | AgreementDetails::Sla(_) | AgreementDetails::Sow(_) => None,
    }
}

fn terminated(notice: &Agreement) -> NewEvent {
    let day = final_service_on(notice).map(|day| day.to_string()).unwrap_or_default();
    let summary = format!("Notice was given; the last day of service is {day}.");
    NewEvent::new(EventKind::TerminationRecorded, notice.id, summary)
        .client(notice.client_id)
        .with("finalServiceOn", day)
        .with("receivedOn", notice.effective_on.map(|day| day.to_string()))
}
