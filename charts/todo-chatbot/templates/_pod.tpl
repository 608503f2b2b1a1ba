{{/*
What the pods of all components have in common. Helpers take (list $ "backend") unless they say otherwise.
*/}}

{{/* Labels and annotations of a pod; the labels that selectors use can't be replaced by podLabels. */}}
{{- define "todo-chatbot.podMetadata" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
labels:
  {{- merge (include "todo-chatbot.podLabels" . | fromYaml) $values.podLabels | toYaml | nindent 2 }}
{{- end -}}

{{/* Everything in a pod's spec but containers and volumes; passes the "restricted" Pod Security Standard. */}}
{{- define "todo-chatbot.podSpec" -}}
{{- $root := index . 0 -}}
{{- $values := index $root.Values (index . 1) -}}
serviceAccountName: {{ include "todo-chatbot.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $values.runAsUser }}
  runAsGroup: {{ $values.runAsUser }}
  fsGroup: {{ $values.runAsUser }}
  # Not at every start: it would walk through the whole volume.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
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
{{- if $values.topologySpread }}
topologySpreadConstraints:
  {{- toYaml $values.topologySpread | nindent 2 }}
{{- else if ne (index . 1) "database" }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "todo-chatbot.selector" . | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}

{{- define "todo-chatbot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "todo-chatbot.containerImage" -}}
image: {{ include "todo-chatbot.image" . | quote }}
imagePullPolicy: {{ (index (index . 0).Values (index . 1)).image.pullPolicy }}
{{- end -}}

{{/* Takes a map name -> value. Numbers go through JSON, which leaves 1000000 as it is (quote makes it 1e+06). */}}
{{- define "todo-chatbot.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end -}}

{{/* Takes a component's values. */}}
{{- define "todo-chatbot.probes" -}}
{{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
{{- with index $ $probe }}
{{ $probe }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How the backend finds its database; takes the root. */}}
{{- define "todo-chatbot.databaseEnv" -}}
{{- $mode := include "todo-chatbot.databaseMode" . -}}
{{- if eq $mode "sqlite" }}
- name: DATABASE_URL
  value: sqlite:////data/todos.db
{{- else if eq $mode "external" }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "todo-chatbot.urlSecret" . }}
      key: {{ include "todo-chatbot.urlKey" . }}
{{- else }}
- name: DATABASE_HOST
  value: {{ include "todo-chatbot.name" (list . "database") }}
- name: DATABASE_PORT
  value: {{ .Values.database.service.port | quote }}
- name: DATABASE_NAME
  value: {{ .Values.database.auth.database | quote }}
- name: DATABASE_USER
  value: {{ .Values.database.auth.username | quote }}
- name: DATABASE_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "todo-chatbot.passwordSecret" . }}
      key: {{ include "todo-chatbot.passwordKey" . }}
{{- end }}
{{- end -}}

{{/*
Changes when the credentials given to the chart do, so that the backend restarts with them. Whoever may
read pods sees it, hence scrypt (derivePassword) before the hash: a weak password can't be guessed from it.
*/}}
{{- define "todo-chatbot.credentialsChecksum" -}}
{{- $database := .Values.database -}}
{{- $mode := include "todo-chatbot.databaseMode" . -}}
{{- $given := "" -}}
{{- if and (eq $mode "postgres") (not $database.auth.existingSecret) -}}
{{- $given = $database.auth.password -}}
{{- else if and (eq $mode "external") (not $database.external.existingSecret) -}}
{{- $given = $database.external.url -}}
{{- end -}}
{{- if $given -}}
{{- derivePassword 1 "maximum" $given (include "todo-chatbot.fullname" .) .Release.Namespace | sha256sum -}}
{{- end -}}
{{- end -}}
