-- The health of a HospitalOrganization for Argo CD: the value of
-- resource.customizations.health.chakravue.io_HospitalOrganization in the ConfigMap argocd-cm.

local function health(status, message)
  return { status = status, message = message }
end

local conditions = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    conditions[condition.type] = condition
  end
end

local function is_true(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

if obj.metadata.deletionTimestamp ~= nil then
  local told = is_true("Paused") and conditions.Paused or conditions.Ready
  return health("Progressing", told ~= nil and told.message or "The hospital is being removed")
end
-- Nobody looks at a declaration until the pause ends, and what is said of the rest is from before.
if is_true("Paused") then
  if is_true("DataLossSuspected") then
    return health("Degraded", conditions.DataLossSuspected.message)
  end
  return health("Suspended", conditions.Paused.message)
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "The operator has not looked at this declaration yet")
end
if is_true("Stalled") then
  return health("Degraded", conditions.Stalled.message)
end
if is_true("DataLossSuspected") then
  return health("Degraded", conditions.DataLossSuspected.message)
end
if is_true("Reconciling") then
  return health("Progressing", conditions.Reconciling.message)
end
if is_true("Ready") then
  return health("Healthy", conditions.Ready.message)
end
if conditions.Ready ~= nil then
  local reason = conditions.Ready.reason
  -- As declared, and not in use: Argo CD has a word for it that does not hold up a sync.
  if reason == "Suspended" or reason == "PendingPayment" then
    return health("Suspended", conditions.Ready.message)
  end
  return health("Progressing", conditions.Ready.message)
end
return health("Progressing", "The operator has not said anything yet")
