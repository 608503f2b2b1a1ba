{{/*
What the schema can't say: values that are fine one by one and wrong together. One sentence each, with the way out.
*/}}
{{- define "todo-chatbot.validate" -}}
{{- $mode := include "todo-chatbot.databaseMode" . -}}
{{- $fullname := include "todo-chatbot.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) -}}
{{- fail (printf "%q can't begin the name of a Service, which starts with a letter: choose another release name or set fullnameOverride." $fullname) -}}
{{- end -}}
{{- if and .Values.backend.enabled (eq $mode "sqlite") -}}
{{- if or .Values.backend.autoscaling.enabled (gt (int .Values.backend.replicaCount) 1) -}}
{{- fail "database.engine=sqlite keeps the todos in one file on one volume, which a single backend can use: set backend.replicaCount=1 and backend.autoscaling.enabled=false, or choose database.engine=postgres." -}}
{{- end -}}
{{- end -}}
{{- with .Values.database.external -}}
{{- if and $.Values.backend.enabled (eq $mode "external") (not .url) (not .existingSecret) -}}
{{- fail "The backend has no database: set database.enabled=true, or point database.external.url or database.external.existingSecret at one outside the release." -}}
{{- end -}}
{{- if and .url .existingSecret -}}
{{- fail "database.external.url and database.external.existingSecret exclude each other: set one of them." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.database.auth.password .Values.database.auth.existingSecret -}}
{{- fail "database.auth.password and database.auth.existingSecret exclude each other: set one of them." -}}
{{- end -}}
{{- range $name := list "DATABASE_URL" "DATABASE_HOST" "DATABASE_PORT" "DATABASE_NAME" "DATABASE_USER" "DATABASE_PASSWORD" -}}
{{- if hasKey $.Values.backend.env $name -}}
{{- fail (printf "backend.env.%s would contradict the database that the chart sets up: use database.external (with database.enabled=false) for another one." $name) -}}
{{- end -}}
{{- end -}}
{{- range $component := list "frontend" "backend" -}}
{{- $values := index $.Values $component -}}
{{- with $values.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "%s.autoscaling.minReplicas (%d) is above its maxReplicas (%d)." $component (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if not (or (dig "requests" "cpu" "" $values.resources) (dig "limits" "cpu" "" $values.resources)) -}}
{{- fail (printf "%s.autoscaling compares CPU use with what was requested: set %s.resources.requests.cpu." $component $component) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
