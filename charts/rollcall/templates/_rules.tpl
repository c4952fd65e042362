{{/*
What the operator may do where objects are: the one place where that stands.
In namespaced mode a Role in each namespace has it, in cluster mode one ClusterRole.
*/}}
{{- define "rollcall.rules" -}}
# The objects themselves.
- apiGroups: [rollcall.dev]
  resources: [reconciliations]
  verbs: [get, list, watch]
# What it says of them.
- apiGroups: [rollcall.dev]
  resources: [reconciliations/status]
  verbs: [patch]
# Children that block their owner's deletion, and the finalizer of deletionPolicy: DeleteTopics,
# which stands in the object's metadata.
- apiGroups: [rollcall.dev]
  resources: [reconciliations/finalizers]
  verbs: [update]
- apiGroups: [rollcall.dev]
  resources: [reconciliations]
  verbs: [patch]
# Workers, and the console when an object asks for one. Delete: what an object no longer asks for.
- apiGroups: [apps]
  resources: [statefulsets, deployments]
  verbs: [get, list, watch, create, patch, delete]
# The workers' configuration, addresses and identity.
- apiGroups: [""]
  resources: [configmaps, services, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
# One worker at a time, when nodes are drained.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# Who may reach the workers.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
{{- if ne .Values.workerPodMonitor "never" }}
# Scraping the workers, where the Prometheus operator is installed.
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, create, patch, delete]
{{- end }}
# Which workers are there, and where to ask them for their state.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# What happened to an object, for people.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* Reading Secrets by name, or all when a name is "*". Takes the list of names. */}}
{{- define "rollcall.secretRule" -}}
# Secrets that objects refer to: that they are complete, and that workers start anew with them.
- apiGroups: [""]
  resources: [secrets]
  {{- if not (has "*" .) }}
  resourceNames:
  {{- toYaml (. | uniq) | nindent 2 }}
  {{- end }}
  verbs: [get]
{{- end -}}

{{/* The names of Secrets that may be read in every watched namespace, as JSON. */}}
{{- define "rollcall.secretsEverywhere" -}}
{{- $names := list -}}
{{- range .Values.rbac.secrets -}}
{{- if not .namespace -}}
{{- $names = concat $names .names -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* The subjects and labels that every binding shares. */}}
{{- define "rollcall.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "rollcall.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
