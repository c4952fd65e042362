{{/*
The operator's permissions in namespaces with objects; this is the only list of them.
In namespaced mode a Role in each namespace grants them, in cluster mode one ClusterRole.
*/}}
{{- define "rollcall.rules" -}}
# The objects themselves.
- apiGroups: [rollcall.dev]
  resources: [reconciliations]
  verbs: [get, list, watch]
# Their status.
- apiGroups: [rollcall.dev]
  resources: [reconciliations/status]
  verbs: [patch]
# Children that block their owner's deletion, and the finalizer of deletionPolicy: DeleteTopics,
# which is in the object's metadata.
- apiGroups: [rollcall.dev]
  resources: [reconciliations/finalizers]
  verbs: [update]
- apiGroups: [rollcall.dev]
  resources: [reconciliations]
  verbs: [patch]
# Workers, and the console if an object asks for one. Delete: children no longer asked for.
- apiGroups: [apps]
  resources: [statefulsets, deployments]
  verbs: [get, list, watch, create, patch, delete]
# The workers' configuration, addresses and identity.
- apiGroups: [""]
  resources: [configmaps, services, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
# At most one worker at a time is evicted when nodes are drained.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# Who may reach the workers.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
{{- if ne .Values.workerPodMonitor "never" }}
# Scraping the workers, if the Prometheus Operator is installed.
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, create, patch, delete]
{{- end }}
# Which workers exist, and their addresses.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# What happened to an object.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* Reading Secrets by name, or all if a name is "*". Takes the list of names. */}}
{{- define "rollcall.secretRule" -}}
# Secrets that objects refer to: to check them, and to restart workers when they change.
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
