export { EditPatient } from "./EditPatient";
export { PatientList } from "./PatientList";
export { PatientRecord } from "./PatientRecord";
export { RegisterPatient } from "./RegisterPatient";
