{{/*
A pod that "helm test" runs, from a component's own image: it is certainly there, and allowed.
Takes a dict of root, component, command.
*/}}
{{- define "todo-chatbot.testPod" -}}
{{- $ref := list .root .component -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "todo-chatbot.name" $ref }}-test
  labels:
    {{- include "todo-chatbot.labels" (list .root "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  {{- include "todo-chatbot.podSpec" $ref | nindent 2 }}
  restartPolicy: Never
  activeDeadlineSeconds: 120
  containers:
    - name: test
      {{- include "todo-chatbot.containerImage" $ref | nindent 6 }}
      command:
        {{- toYaml .command | nindent 8 }}
      securityContext:
        {{- include "todo-chatbot.containerSecurity" .root | nindent 8 }}
      resources:
        requests: {cpu: 10m, memory: 64Mi}
        limits: {cpu: 500m, memory: 128Mi}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 16Mi
{{- end -}}
