//! `POST /signup`: a hospital signs up. It has an id, a name for its database and a setup token from then on, and waits
//! for its payment.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse as _, Response},
};
use chakravue_crds::{
    naming::DatabaseName,
    plans::Plan,
    texts::{self, TextRule},
};
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{
        identity::{SESSION_COOKIE, SETUP, SETUP_COOKIE, clear_cookie, session_in_cookie, set_cookie},
        sign_in::end::end_replaced,
    },
    data::{
        audit::{Actor, Entry},
        platform_audit::SIGN_UP,
    },
    endpoints::plans::PlanView,
    hospitals::status_name,
    http::{
        client_address::ClientAddress,
        extract::ApiQuery,
        flaw::Flaw,
        idempotency::{self, Answers, Repeatable, Sender},
        merge::{Patch, never_null},
        problem::{Answer, Kind, Problem},
        request_id,
        text::tidied,
    },
    program::{clock::from_bson, settings::Directory},
    state::App,
    subscription::{
        names,
        signups::{NewSignup, SignedUp},
    },
};

/// What its idempotency keys are used for.
const OPERATION: &str = "signup";

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_up)).routes(routes!(preview_database_name))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignupRequest {
    /// The hospital's name as people read it.
    #[garde(custom(|text: &str, (): &()| checked(&texts::DISPLAY_NAME, text)))]
    #[serde(deserialize_with = "tidied")]
    #[schema(example = "St. Mary's Hospital", min_length = 1, max_length = 300)]
    organization_name: String,
    /// For everything that concerns the account; also the address of the first administrator.
    #[garde(custom(|text: &str, (): &()| checked([&texts::EMAIL], text)))]
    #[schema(example = "admin@stmarys.com", max_length = 254, format = "email")]
    organization_email: String,
    #[garde(custom(|text: &str, (): &()| checked([&texts::PHONE], text)))]
    #[schema(example = "+1-555-0000", pattern = r"^\+?[0-9(][0-9 ()./-]{1,29}[0-9]$")]
    organization_phone: String,
    #[garde(skip)]
    plan: PlanChoice,
}

/// A plan of `GET /plans`. Whatever else is sent with its id has to agree with the catalogue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanChoice {
    #[schema(pattern = "^(starter|professional|enterprise)$", example = "professional")]
    plan_id: String,
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = String, required = false, example = "Professional")]
    name: Option<String>,
    /// US dollars per month.
    #[serde(default, deserialize_with = "never_null")]
    #[schema(value_type = i64, required = false, example = 299)]
    price: Option<i64>,
    /// `null` for a plan without a limit.
    #[serde(default)]
    #[schema(value_type = Option<i64>, example = 20)]
    max_users: Patch<i64>,
}

impl PlanChoice {
    fn plan(&self) -> Answer<Plan> {
        let plan = plan_of(&self.plan_id).map_err(|flaw| Problem::invalid("/plan/plan_id", flaw))?;
        let wrong = [
            self.name.as_deref().filter(|name| *name != plan.name()).map(|_| ("/plan/name", plan.name().to_owned())),
            self.price
                .filter(|price| *price != plan.monthly_price_usd())
                .map(|_| ("/plan/price", plan.monthly_price_usd().to_string())),
            (!self.limit_agrees(plan))
                .then(|| ("/plan/max_users", plan.user_limit().map_or("null".to_owned(), |limit| limit.to_string()))),
        ];
        let problem =
            Problem::new(Kind::Invalid, "The plan is not as the catalogue has it; see errors and GET /plans.");
        let mut wrong = wrong.into_iter().flatten().peekable();
        if wrong.peek().is_none() {
            return Ok(plan);
        }
        Err(wrong.fold(problem, |problem, (pointer, right)| problem.field(pointer, Flaw::NotAsInCatalogue { right })))
    }

    fn limit_agrees(&self, plan: Plan) -> bool {
        match self.max_users {
            Patch::Keep => true,
            Patch::Clear => plan.user_limit().is_none(),
            Patch::Set(users) => plan.user_limit() == Some(users),
        }
    }
}

/// The plan with this id.
///
/// # Errors
/// With the ids that there are.
pub fn plan_of(plan_id: &str) -> Result<Plan, Flaw> {
    Plan::ALL
        .into_iter()
        .find(|plan| plan.id() == plan_id)
        .ok_or_else(|| Flaw::NotOneOf { allowed: Plan::ALL.iter().map(|plan| plan.id().to_owned()).collect() })
}

fn checked<'a>(rules: impl IntoIterator<Item = &'a TextRule>, text: &str) -> garde::Result {
    texts::check(rules, text.trim()).map_err(garde::Error::new)
}

impl SignupRequest {
    fn into_signup(self) -> Answer<NewSignup> {
        Ok(NewSignup {
            plan: self.plan.plan()?,
            organization_name: self.organization_name,
            email: self.organization_email.trim().to_owned(),
            phone: self.organization_phone.trim().to_owned(),
        })
    }
}

#[derive(Serialize, ToSchema)]
struct SignupAnswer {
    #[schema(example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    organization_id: String,
    #[schema(example = "St. Mary's Hospital")]
    organization_name: String,
    /// The MongoDB database that is made as soon as the hospital has paid.
    #[schema(example = "st_marys_hospital")]
    database_name: String,
    #[schema(example = "pending_payment")]
    status: &'static str,
    plan: PlanView,
    /// Pays, watches the hospital being made, adds its team and sets the administrator's password. Shown this once; browsers
    /// also have it as a cookie.
    #[schema(example = "cset_Zk3v…")]
    setup_token: String,
    #[schema(value_type = String, format = DateTime)]
    setup_expires_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Sign a hospital up.
///
/// The name of its database comes from its name; where that is taken, it gets an ending. Nothing is made before the
/// payment. A request that got no answer, or 503, can be sent again as it is and goes on where it ended.
#[utoipa::path(
    post, path = "/signup", tag = "signup", request_body = SignupRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = idempotency::DESCRIPTION, pattern = "^[!-~]{16,255}$")),
    responses(
        (status = 201, description = "Signed up; waits for the payment", body = SignupAnswer),
        (status = 409, description = "The first request with this key is still under way"),
        (status = 422, description = "Fields are not right"),
        (status = 429, description = "Too many signups from this address"),
        (status = 503, description = "Not taken up yet: send the same again after `Retry-After`"),
    ),
)]
async fn sign_up(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Repeatable { body, repetition }: Repeatable<SignupRequest>,
) -> Answer<Response> {
    if let Err(one_too_many) = app.limits.signup(address) {
        // A repetition asks for nothing new.
        if !app.idempotency.knows(&repetition, Sender::Anonymous, OPERATION).await? {
            return Err(one_too_many);
        }
    }
    let new = body.into_signup()?;
    let can_be_repeated = repetition.has_key();
    let (this, replaced) = (app.clone(), session_in_cookie(&headers));
    app.idempotency
        .run(repetition, Sender::Anonymous, OPERATION, Answers::Kept, move |attempt| async move {
            let signed_up = this.signups.open(&this.hospitals, &attempt, &new, this.settings.signup_wait).await?;
            // Before the answer: who gets none sends the same again, and the entry is there once. Who cannot would lose the
            // only token of a hospital that is there.
            let signer =
                Actor { id: signed_up.signup_id.clone(), role: SETUP.to_owned(), request_id: request_id::current() };
            let entry = Entry::new(SIGN_UP).target("organization", signed_up.organization_id.as_str());
            match this.platform_audit.record(&signer, entry.detail("plan", new.plan.id())).await {
                Err(problem) if !can_be_repeated => tracing::error!(
                    organization = %signed_up.organization_id, problem = problem.kind().slug(),
                    "a sign-up is not in the platform's audit log"
                ),
                recorded => recorded?,
            }
            // Whoever was signed in before, perhaps at another hospital, goes on as the one who signs up.
            match end_replaced(&this, replaced.as_ref()).await {
                Err(problem) if !can_be_repeated => {
                    tracing::error!(problem = problem.kind().slug(), "a session goes on whose cookie is taken away");
                }
                ended => ended?,
            }
            let cookies = AppendHeaders([
                (header::SET_COOKIE, set_cookie(SETUP_COOKIE, signed_up.setup_token.reveal())),
                (header::SET_COOKIE, clear_cookie(SESSION_COOKIE)),
            ]);
            Ok((StatusCode::CREATED, cookies, Json(answer(&new, &signed_up))).into_response())
        })
        .await
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NamePreviewQuery {
    /// The hospital's name as somebody types it.
    #[garde(length(chars, max = 300))]
    #[serde(deserialize_with = "tidied")]
    #[param(max_length = 300, example = "St. Mary's Hospital")]
    organization_name: String,
}

#[derive(Serialize, ToSchema)]
struct NamePreview {
    #[schema(example = "st_marys_hospital")]
    database_name: String,
}

/// What the hospital's database would be called.
///
/// For the form, while somebody types. It reserves nothing: `POST /signup` decides.
#[utoipa::path(
    get, path = "/signup/database-name", tag = "signup", params(NamePreviewQuery),
    responses((status = 200, description = "The name that a sign-up would get now", body = NamePreview)),
)]
async fn preview_database_name(
    State(app): State<App>,
    ApiQuery(query): ApiQuery<NamePreviewQuery>,
) -> Answer<Json<NamePreview>> {
    // Who may not list the hospitals must not find out here which there are.
    let tells = app.settings.directory == Directory::Open;
    let is_free = |name: &String| !tells || app.hospitals.get_by_name(name).is_none();
    let name = names::candidates(&query.organization_name).find(is_free).ok_or_else(Problem::internal)?;
    let database = DatabaseName::derive(&name).map_err(|_| Problem::internal())?;
    Ok(Json(NamePreview { database_name: database.to_string() }))
}

fn answer(new: &NewSignup, signed_up: &SignedUp) -> SignupAnswer {
    SignupAnswer {
        organization_id: signed_up.organization_id.to_string(),
        organization_name: new.organization_name.clone(),
        database_name: signed_up.database_name.clone(),
        status: status_name(chakravue_crds::organization::Phase::PendingPayment),
        plan: new.plan.into(),
        setup_token: signed_up.setup_token.reveal().to_owned(),
        setup_expires_at: from_bson(signed_up.setup_expires_at),
        created_at: from_bson(signed_up.created_at),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::extract;

    fn request(change: impl FnOnce(&mut Value)) -> Answer<NewSignup> {
        let mut body = json!({
            "organization_name": "St. Mary's Hospital",
            "organization_email": "admin@stmarys.com",
            "organization_phone": "+1-555-0000",
            "plan": { "plan_id": "professional", "name": "Professional", "price": 299, "max_users": 20 },
        });
        change(&mut body);
        extract::parse::<SignupRequest>(body.to_string().as_bytes())?.into_signup()
    }

    fn pointers(problem: &Problem) -> Vec<String> {
        problem.errors().iter().filter_map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn the_catalogue_decides_what_a_plan_is() {
        assert_eq!(request(|_| ()).unwrap().plan, Plan::Professional);
        assert_eq!(
            request(|body| body["plan"] = json!({ "plan_id": "enterprise", "max_users": null })).unwrap().plan,
            Plan::Enterprise
        );
        let wrong = request(|body| {
            body["plan"] = json!({ "plan_id": "enterprise", "name": "Starter", "price": 1, "max_users": 20 });
        });
        assert_eq!(pointers(&wrong.unwrap_err()), ["/plan/name", "/plan/price", "/plan/max_users"]);
        for field in ["name", "price", "max_users"] {
            let wrong = request(|body| body["plan"][field] = Value::Null).unwrap_err();
            assert_eq!(pointers(&wrong), [format!("/plan/{field}")]);
        }
        let unknown = request(|body| body["plan"]["plan_id"] = json!("gold")).unwrap_err();
        assert_eq!(unknown.errors()[0].detail, "must be one of starter, professional, enterprise");
        assert_eq!(pointers(&unknown), ["/plan/plan_id"]);
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let sent = |price: f64, max_users: f64| {
            request(|body| {
                body["plan"]["price"] = json!(price);
                body["plan"]["max_users"] = json!(max_users);
            })
        };
        assert_eq!(sent(299.0, 20.0).unwrap().plan, Plan::Professional);
        for price in [298.99, 299.5, 300.0, -299.0, 1e300] {
            assert_eq!(pointers(&sent(price, 20.0).unwrap_err()), ["/plan/price"], "{price}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = request(|body| {
            body["organization_name"] = json!("x".repeat(301));
            body["organization_email"] = json!("admin");
            body["organization_phone"] = json!("call us");
        });
        let mut pointers = pointers(&wrong.unwrap_err());
        pointers.sort();
        assert_eq!(pointers, ["/organization_email", "/organization_name", "/organization_phone"]);
        let injected = request(|body| body["organization_email"] = json!({ "$ne": "" })).unwrap_err();
        assert_eq!(injected.errors()[0].pointer.as_deref(), Some("/organization_email"));
    }

    #[test]
    fn space_around_a_value_is_taken_off() {
        let signup = request(|body| body["organization_name"] = json!("  St. Mary's ")).unwrap();
        assert_eq!(signup.organization_name, "St. Mary's");
        let signup = request(|body| body["organization_name"] = json!("\u{200b}Mercy\u{3164}")).unwrap();
        assert_eq!(signup.organization_name, "Mercy");
    }

    #[test]
    fn a_name_is_checked_as_it_is_kept() {
        // A letter that is two when it is composed.
        let long = request(|body| body["organization_name"] = json!("\u{958}".repeat(151))).unwrap_err();
        assert_eq!(
            (pointers(&long), &long.errors()[0].flaw),
            (vec!["/organization_name".into()], &Flaw::TooLong { max: 300 })
        );
        for blank in ["\u{3164}", "\u{2800} \u{115f}", "\u{34f}", "\u{301}", "\u{200b}"] {
            let empty = request(|body| body["organization_name"] = json!(blank)).unwrap_err();
            assert_eq!(empty.errors()[0].flaw, Flaw::Required, "{blank:?}");
        }
    }

    #[test]
    fn a_preview_is_of_the_name_that_a_signup_would_have() {
        let preview = |name: &str| {
            let uri = format!(
                "/?organization_name={}",
                percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
            );
            let axum::extract::Query(query) =
                axum::extract::Query::<NamePreviewQuery>::try_from_uri(&uri.parse().unwrap()).unwrap();
            query.organization_name
        };
        for name in ["か\u{3099}ん病院", "\u{958}", "\u{2126} ", "\u{200b}Mercy"] {
            assert_eq!(
                preview(name),
                request(|body| body["organization_name"] = json!(name)).unwrap().organization_name
            );
        }
        assert_eq!(
            names::candidates(&preview("か\u{3099}ん病院")).next().unwrap(),
            names::candidates("がん病院").next().unwrap()
        );
    }
}
