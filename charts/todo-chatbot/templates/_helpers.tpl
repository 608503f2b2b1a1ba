{{/*
Names, labels and images. Helpers about a component take (list $ "backend").
*/}}

{{/*
Prefix of every name. At most 43 characters, since "-database" and the hash of a StatefulSet's
revision must fit behind it into a label of 63; what is cut off is told apart by a hash.
*/}}
{{- define "todo-chatbot.fullname" -}}
{{- $name := default .Release.Name .Values.fullnameOverride | replace "." "-" -}}
{{- if gt (len $name) 43 -}}
{{- printf "%s-%s" ($name | trunc 34 | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- define "todo-chatbot.name" -}}
{{- printf "%s-%s" (include "todo-chatbot.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* What tells all pods of this release from all others. */}}
{{- define "todo-chatbot.releaseSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "todo-chatbot.selector" -}}
{{ include "todo-chatbot.releaseSelector" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Without the chart's version, so that a new chart alone restarts nothing. */}}
{{- define "todo-chatbot.podLabels" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) | default dict -}}
{{ include "todo-chatbot.selector" . }}
app.kubernetes.io/version: {{ dig "image" "tag" "" $values | default $root.Chart.AppVersion | trunc 63 | regexFind "[A-Za-z0-9].*[A-Za-z0-9]|[A-Za-z0-9]" | quote }}
app.kubernetes.io/part-of: {{ $root.Chart.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}

{{- define "todo-chatbot.labels" -}}
{{ include "todo-chatbot.podLabels" . }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "todo-chatbot.image" -}}
{{- $root := index . 0 -}}
{{- $image := (index $root.Values (index . 1)).image -}}
{{- with default $root.Values.global.imageRegistry $image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "todo-chatbot.serviceAccountName" -}}
{{- $account := (index (index . 0).Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (include "todo-chatbot.name" .) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The replicas that a component keeps at the least. */}}
{{- define "todo-chatbot.replicaFloor" -}}
{{- if (.autoscaling | default dict).enabled -}}{{ .autoscaling.minReplicas }}{{- else -}}{{ .replicaCount | default 0 }}{{- end -}}
{{- end -}}

{{/* Where the backend keeps the todos: postgres, sqlite or external. */}}
{{- define "todo-chatbot.databaseMode" -}}
{{- if .Values.database.enabled -}}{{ .Values.database.engine }}{{- else -}}external{{- end -}}
{{- end -}}

{{- define "todo-chatbot.passwordSecret" -}}
{{- .Values.database.auth.existingSecret | default (include "todo-chatbot.name" (list . "database")) -}}
{{- end -}}

{{- define "todo-chatbot.passwordKey" -}}
{{- empty .Values.database.auth.existingSecret | ternary "password" .Values.database.auth.existingSecretKey -}}
{{- end -}}

{{- define "todo-chatbot.urlSecret" -}}
{{- .Values.database.external.existingSecret | default (include "todo-chatbot.name" (list . "database-url")) -}}
{{- end -}}

{{- define "todo-chatbot.urlKey" -}}
{{- empty .Values.database.external.existingSecret | ternary "DATABASE_URL" .Values.database.external.existingSecretKey -}}
{{- end -}}

{{/* The claim's own name for each engine: what one has written, the other must never mount. */}}
{{- define "todo-chatbot.claimName" -}}
{{- include "todo-chatbot.name" (list . (eq (include "todo-chatbot.databaseMode" .) "sqlite" | ternary "backend-data" "database-data")) -}}
{{- end -}}
