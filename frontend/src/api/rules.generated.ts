// Written by `npm run generate` from api/openapi.json. Change the API, not this file.

/** What the API asks of the fields of each request. */
export const fields = {
  "AcceptInvitation": {
    "name": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "password": {
      "minLength": 15,
      "maxLength": 128
    }
  },
  "AddUser": {
    "email": {
      "maxLength": 254
    },
    "name": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "organization_id": {
      "pattern": "^org_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    }
  },
  "AppointmentChange": {
    "doctor_id": {
      "minLength": 1,
      "maxLength": 64
    },
    "reason": {
      "minLength": 1,
      "maxLength": 1000,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "ChangePassword": {
    "new_password": {
      "minLength": 15,
      "maxLength": 128
    }
  },
  "CompleteReset": {
    "password": {
      "minLength": 15,
      "maxLength": 128
    }
  },
  "Login": {
    "email": {
      "maxLength": 254
    }
  },
  "Measured": {
    "diastolic_mmhg": {
      "minimum": 10,
      "maximum": 250
    },
    "height_cm": {
      "minimum": 15,
      "maximum": 280
    },
    "oxygen_saturation_percent": {
      "minimum": 0,
      "maximum": 100
    },
    "pulse_per_minute": {
      "minimum": 0,
      "maximum": 350
    },
    "respiratory_rate_per_minute": {
      "minimum": 0,
      "maximum": 120
    },
    "systolic_mmhg": {
      "minimum": 20,
      "maximum": 350
    },
    "temperature_celsius": {
      "minimum": 20,
      "maximum": 45
    },
    "weight_kg": {
      "minimum": 0.2,
      "maximum": 700
    }
  },
  "MedicineChange": {
    "batch": {
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "medicine": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "reorder_level": {
      "minimum": 0,
      "maximum": 1000000000
    },
    "unit": {
      "minLength": 1,
      "maxLength": 32,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "NewAppointment": {
    "doctor_id": {
      "minLength": 1,
      "maxLength": 64
    },
    "patient_id": {
      "minLength": 1,
      "maxLength": 64
    },
    "reason": {
      "minLength": 1,
      "maxLength": 1000,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "NewMedicine": {
    "batch": {
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "medicine": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "quantity": {
      "minimum": 0,
      "maximum": 1000000000
    },
    "reorder_level": {
      "minimum": 0,
      "maximum": 1000000000
    },
    "unit": {
      "minLength": 1,
      "maxLength": 32,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "NewNote": {
    "text": {
      "minLength": 1,
      "maxLength": 10000,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "NewPatient": {
    "address": {
      "minLength": 1,
      "maxLength": 1000,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "allergies": {
      "maxItems": 100,
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "email": {
      "maxLength": 254
    },
    "name": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "phone": {
      "pattern": "^\\+?[0-9(][0-9 ()./-]{1,29}[0-9]$"
    },
    "record_number": {
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "NewPrescription": {
    "dose": {
      "minLength": 1,
      "maxLength": 100,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "duration_days": {
      "minimum": 1,
      "maximum": 3650
    },
    "frequency": {
      "minLength": 1,
      "maxLength": 100,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "instructions": {
      "minLength": 1,
      "maxLength": 1000,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "medicine": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "OrganizationLogin": {
    "email": {
      "maxLength": 254
    },
    "organization_id": {
      "pattern": "^org_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    }
  },
  "PatientChange": {
    "address": {
      "minLength": 1,
      "maxLength": 1000,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "allergies": {
      "maxItems": 100
    },
    "email": {
      "maxLength": 254
    },
    "name": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "phone": {
      "pattern": "^\\+?[0-9(][0-9 ()./-]{1,29}[0-9]$"
    },
    "record_number": {
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  },
  "PlanChange": {
    "plan_id": {
      "pattern": "^(starter|professional|enterprise)$"
    }
  },
  "ProcessPayment": {
    "card_name": {
      "maxLength": 200
    }
  },
  "RequestReset": {
    "email": {
      "maxLength": 254
    },
    "organization_id": {
      "pattern": "^org_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    }
  },
  "SetUpAdministrator": {
    "name": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    },
    "password": {
      "minLength": 15,
      "maxLength": 128
    }
  },
  "SignupRequest": {
    "organization_email": {
      "maxLength": 254
    },
    "organization_name": {
      "minLength": 1,
      "maxLength": 300
    },
    "organization_phone": {
      "pattern": "^\\+?[0-9(][0-9 ()./-]{1,29}[0-9]$"
    }
  },
  "StockChange": {
    "change": {
      "minimum": -1000000000,
      "maximum": 1000000000
    }
  },
  "UserChange": {
    "name": {
      "minLength": 1,
      "maxLength": 200,
      "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0]([^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u115f\\u1160\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\u2800\\u3164\\ufeff\\uffa0])?$"
    }
  }
} as const;

/** The words of the API's closed lists. */
export const words = {
  "AppointmentStatus": [
    "booked",
    "arrived",
    "in_progress",
    "done",
    "cancelled",
    "missed"
  ],
  "BloodGroup": [
    "O-",
    "O+",
    "A-",
    "A+",
    "B-",
    "B+",
    "AB-",
    "AB+"
  ],
  "Failure": [
    "card_declined",
    "insufficient_funds",
    "expired_card",
    "incorrect_cvc",
    "processing_error",
    "authentication_failed",
    "interrupted",
    "canceled"
  ],
  "Guess": [
    "common",
    "keyboard",
    "repetition",
    "sequence",
    "date",
    "word",
    "name",
    "weak"
  ],
  "NewStatus": [
    "active",
    "disabled"
  ],
  "PaymentStatus": [
    "pending",
    "action_required",
    "succeeded",
    "failed"
  ],
  "Progress": [
    "active",
    "provisioning",
    "payment_pending",
    "action_required"
  ],
  "ProvisioningStepState": [
    "waiting",
    "working",
    "done",
    "failed"
  ],
  "Role": [
    "ADMIN",
    "RECEPTIONIST",
    "OPD",
    "DOCTOR"
  ],
  "SettingKey": [
    "time_zone",
    "language",
    "appointment_minutes",
    "opening_hours",
    "address"
  ],
  "Sex": [
    "female",
    "male",
    "other",
    "unknown"
  ],
  "StockReason": [
    "received",
    "dispensed",
    "returned",
    "expired",
    "damaged",
    "counted"
  ],
  "UserStatus": [
    "invited",
    "active",
    "disabled"
  ]
} as const;
