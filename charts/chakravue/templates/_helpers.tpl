{{- /* What objects are called: the release's name, and the chart's in it. */ -}}
{{- define "chakravue.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "chakravue.operator" -}}{{ include "chakravue.fullname" . }}-operator{{- end -}}
{{- define "chakravue.api" -}}{{ include "chakravue.fullname" . }}-api{{- end -}}

{{- /* What is cluster-wide has the namespace in its name, so that releases of one name in two namespaces do not share it. */ -}}
{{- define "chakravue.clusterName" -}}
{{- if eq .Release.Namespace (include "chakravue.fullname" .) -}}
{{- include "chakravue.operator" . -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace (include "chakravue.operator" .) -}}
{{- end -}}
{{- end -}}

{{- /* By what a Deployment knows its pods: never to be changed. (list $ "operator") */ -}}
{{- define "chakravue.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* The labels of every object, and those of this one. (list $ "operator"), (list $ "operator" labels) */ -}}
{{- define "chakravue.labels" -}}
{{- $root := index . 0 -}}
{{ include "chakravue.selector" . }}
app.kubernetes.io/part-of: chakravue
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- /* Each once, whoever else names it: some readers of YAML refuse a key that stands twice. */ -}}
{{- $own := gt (len .) 2 | ternary (last .) dict | default dict }}
{{- with merge dict $own (default dict $root.Values.commonLabels) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* (list $ .Values.operator.image) */ -}}
{{- define "chakravue.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $name := printf "%s/%s" $root.Values.image.registry $image.repository -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default $root.Chart.AppVersion $root.Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* As the restricted Pod Security standard asks for it. */ -}}
{{- define "chakravue.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
# Secrets are mounted readable for this group alone.
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "chakravue.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* Where pods go: apart from each other if there is room. (list $ "operator" .Values.operator) */ -}}
{{- define "chakravue.placement" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "chakravue.selector" (list $root $component) | nindent 8 }}
    # Of a rollout, only the new pods: the old ones are about to go.
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- with include "chakravue.nodes" (list $root $values) | trim }}
{{ . }}
{{- end }}
{{- end -}}

{{- /* On which nodes a pod may run, and from where its image may come. (list $ .Values.operator) */ -}}
{{- define "chakravue.nodes" -}}
{{- $root := index . 0 -}}
{{- $values := index . 1 -}}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* Settings of the web service as its environment variables, one a line: NAME=value, sorted. (list "PREFIX" settings) */ -}}
{{- define "chakravue.settings" -}}
{{- $prefix := index . 0 -}}
{{- range $name, $value := index . 1 }}
{{- $variable := printf "%s__%s" $prefix (upper $name) }}
{{- if kindIs "map" $value }}
{{- include "chakravue.settings" (list $variable $value) }}
{{- else if kindIs "slice" $value }}
- name: {{ $variable }}
  value: {{ join "," $value | quote }}
{{- else if kindIs "float64" $value }}
- name: {{ $variable }}
  value: {{ printf "%.0f" $value | quote }}
{{- else if not (kindIs "invalid" $value) }}
- name: {{ $variable }}
  value: {{ toString $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* The names of the variables that the chart sets itself, one a line. (list $ "operator") */ -}}
{{- define "chakravue.variables" -}}
{{- range regexFindAll "(?m)^- name: [A-Z_]+$" (include (printf "chakravue.env.%s" (index . 1)) (index . 0)) -1 }}
{{ trimPrefix "- name: " . }}
{{- end }}
{{- end -}}

{{- /* A duration such as 1h 30m or 500ms, in milliseconds. */ -}}
{{- define "chakravue.milliseconds" -}}
{{- $text := regexReplaceAll "([0-9]+)ms" . "${1}x" -}}
{{- $total := 0 -}}
{{- range $unit, $milliseconds := dict "h" 3600000 "m" 60000 "s" 1000 "x" 1 -}}
{{- $number := regexFind (printf "[0-9]+%s" $unit) $text | trimSuffix $unit | atoi -}}
{{- $total = add $total (mul $milliseconds $number) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{- /* A quantity such as 64Mi or 250m, as a number. */ -}}
{{- define "chakravue.quantity" -}}
{{- $text := toString . -}}
{{- $units := dict "" 1.0 "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $unit := regexFind "[a-zA-Z]i?$" $text -}}
{{- mulf (trimSuffix $unit $text | float64) (get $units $unit) -}}
{{- end -}}

{{- /* The host of publicUrl, without scheme and port. */ -}}
{{- define "chakravue.publicHost" -}}
{{- (urlParse (default "" .Values.api.publicUrl)).hostname | lower -}}
{{- end -}}

{{- /* The rules of a role that is kept in a file, with their reasons. */ -}}
{{- define "chakravue.rules" -}}
{{- regexReplaceAll "(?s)^.*\nrules:\n" (.root.Files.Get .file) "" | trimSuffix "\n" -}}
{{- end -}}

{{- /* Whether Helm takes an object in the cluster for this release's. (list $ object) */ -}}
{{- define "chakravue.isOurs" -}}
{{- $release := (index . 0).Release -}}
{{- $metadata := (index . 1).metadata -}}
{{- $notes := default dict $metadata.annotations -}}
{{- if and (eq (get (default dict $metadata.labels) "app.kubernetes.io/managed-by") "Helm") (eq (get $notes "meta.helm.sh/release-name") $release.Name) (eq (get $notes "meta.helm.sh/release-namespace") $release.Namespace) -}}
true
{{- end -}}
{{- end -}}

{{- /* What makes an object this release's: no chart can see Helm's --take-ownership. Helm 4 applies by fields,
some of which are whoever's that made it. (list $ "namespace" name) */ -}}
{{- define "chakravue.handOver" -}}
{{- $root := index . 0 -}}
{{- $release := $root.Release -}}
{{- $object := printf "%s %s" (index . 1) (index . 2) -}}
kubectl label {{ $object }} app.kubernetes.io/managed-by=Helm --overwrite && kubectl annotate {{ $object }} meta.helm.sh/release-name={{ $release.Name }} meta.helm.sh/release-namespace={{ $release.Namespace }} --overwrite
{{- if semverCompare ">=4.0.0-0" $root.Capabilities.HelmVersion.Version }}, and then helm {{ ternary "upgrade" "install" $release.IsUpgrade }} with --force-conflicts{{ end }}
{{- end -}}

{{- /* Where both have to go. Ports are those behind a Service, since policies see an address after it was translated. */ -}}
{{- define "chakravue.egress" -}}
{{- $policy := . -}}
{{ include "chakravue.egressToNames" $policy }}
{{ include "chakravue.egressToKubernetes" $policy }}
# MongoDB.
{{- /* Without ports a rule would let everything out. */}}
{{- with $policy.mongodbPorts }}
- ports:
    {{- range . }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $policy.mongodbCidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- define "chakravue.egressToNames" -}}
# Names.
{{- with .dnsPorts }}
- ports:
    {{- range . }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- end }}
{{- define "chakravue.egressToKubernetes" -}}
{{- $policy := . -}}
# The Kubernetes API server.
{{- with $policy.kubernetesApiPorts }}
- ports:
    {{- range . }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $policy.kubernetesApiCidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- define "chakravue.metricsFrom" -}}
{{- with .Values.networkPolicy.metricsFrom }}
{{- toYaml . }}
{{- end }}
# The release's own test.
- podSelector:
    matchLabels:
      {{- include "chakravue.selector" (list . "test") | nindent 6 }}
{{- end }}
