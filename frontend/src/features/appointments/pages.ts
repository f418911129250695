export { Appointments } from "./Appointments";
export { BookAppointment } from "./BookAppointment";
