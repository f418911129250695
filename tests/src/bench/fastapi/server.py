"""The two calls that are measured, as the original design has them: FastAPI, one MongoDB client for all databases, the
master database for organizations and sessions, one database for each hospital.

Written as somebody would who knows these libraries well: nothing blocks the event loop, hashing runs in threads (argon2
releases the interpreter's lock), the answer's model is declared, each request asks MongoDB for no more than it needs.
It does less than the API does: no audit log, no lock against guessing, no role but "is signed in at this hospital".
"""

import asyncio
import hashlib
import os
import secrets
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta, timezone
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from pymongo import AsyncMongoClient
from pymongo.collation import Collation

SESSION_LASTS = timedelta(hours=12)
IGNORING_CASE = Collation(locale="en", strength=2)

hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Checked where there is no user, so that the answer takes as long.
NOBODY = hasher.hash("nobody")


@asynccontextmanager
async def lifespan(app: FastAPI):
    # A worker must not outlive whoever started it, however that one ended.
    parent = os.pidfd_open(os.getppid())
    asyncio.get_running_loop().add_reader(parent, os._exit, 0)
    app.state.client = AsyncMongoClient(os.environ["MONGODB_URI"], tz_aware=True)
    app.state.master = app.state.client[os.environ["MASTER_DATABASE"]]
    yield
    await app.state.client.close()


app = FastAPI(lifespan=lifespan)


class LoginRequest(BaseModel):
    email: str
    password: str
    organization_id: str


class LoggedInUser(BaseModel):
    user_id: str
    email: str
    role: str
    organization_id: str
    organization_name: str


class LoginResponse(BaseModel):
    token: str
    user: LoggedInUser


class Patient(BaseModel):
    patient_id: str
    record_number: str
    name: str
    birth_date: date
    sex: str | None = None
    phone: str | None = None
    email: str | None = None
    address: str | None = None
    blood_group: str | None = None
    allergies: list[str] = []
    created_at: datetime
    updated_at: datetime | None = None
    version: int


class PatientPage(BaseModel):
    items: list[Patient]
    next_cursor: str | None = None


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_right(password_hash: str, password: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except VerificationError:
        return False


@app.get("/healthz")
async def healthz() -> str:
    return "ok"


@app.post("/organization-login")
async def organization_login(login: LoginRequest, request: Request) -> LoginResponse:
    master = request.app.state.master
    organization = await master.organizations.find_one({"_id": login.organization_id, "status": "active"})
    user = None
    if organization:
        database = request.app.state.client[organization["database_name"]]
        user = await database.users.find_one({"email": login.email, "status": "active"}, collation=IGNORING_CASE)
    password_hash = user["password_hash"] if user else NOBODY
    if not await run_in_threadpool(is_right, password_hash, login.password) or not user:
        raise HTTPException(401, "E-mail address, password or hospital are not right together.")

    token, now = secrets.token_urlsafe(32), datetime.now(timezone.utc)
    await master.sessions.insert_one(
        {
            "_id": token_hash(token),
            "user_id": user["_id"],
            "role": user["role"],
            "organization_id": organization["_id"],
            # So that later requests need not look the organization up.
            "database_name": organization["database_name"],
            "expires_at": now + SESSION_LASTS,
        }
    )
    await database.users.update_one({"_id": user["_id"]}, {"$set": {"last_login": now}})
    return LoginResponse(
        token=token,
        user=LoggedInUser(
            user_id=user["_id"],
            email=user["email"],
            role=user["role"],
            organization_id=organization["_id"],
            organization_name=organization["name"],
        ),
    )


async def signed_in(
    organization_id: str,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> dict:
    session = await request.app.state.master.sessions.find_one({"_id": token_hash(credentials.credentials)})
    if session is None or session["expires_at"] <= datetime.now(timezone.utc):
        raise HTTPException(401, "The session has ended. Sign in again.")
    if session["organization_id"] != organization_id:
        raise HTTPException(404, "There is no such hospital.")
    return session


# Fields without a value are left out.
@app.get("/organization/{organization_id}/patients", response_model_exclude_none=True)
async def list_patients(
    request: Request,
    session: Annotated[dict, Depends(signed_in)],
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
    cursor: str | None = None,
) -> PatientPage:
    patients = request.app.state.client[session["database_name"]].patients
    wanted = {"deleted_at": None}
    if cursor:
        wanted["_id"] = {"$lt": cursor}
    found = (
        await patients.find(wanted, {"vitals": 0, "notes": 0, "prescriptions": 0})
        .sort("_id", -1)
        .limit(limit + 1)
        .to_list()
    )
    page = [Patient(patient_id=patient.pop("_id"), **patient) for patient in found[:limit]]
    return PatientPage(items=page, next_cursor=page[-1].patient_id if len(found) > limit else None)
