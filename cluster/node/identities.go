package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
)

// Identities of the node's own processes. Only bootstrap, which never leaves the node, is in system:masters; the
// person's identity gets its rights from an ordinary ClusterRoleBinding (manifests/access.yaml).
const (
	bootstrap = "bootstrap"
	person    = "admin"
)

func writeIdentities(node Node) error {
	if err := ensureServiceAccountKey(); err != nil {
		return err
	}
	server := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "localhost", node.Name, "127.0.0.1", "10.96.0.1", node.Address}
	issues := []struct {
		authority string
		leaves    []leaf
	}{
		{"ca", []leaf{
			{file: "apiserver", name: "kube-apiserver", hosts: server},
			{file: "kubelet", name: "kubelet", hosts: []string{node.Name, node.Address}},
			{file: "apiserver-kubelet-client", name: "kube-apiserver-kubelet-client"},
			{file: bootstrap, name: bootstrap, groups: []string{"system:masters"}},
			{file: person, name: "shipmate-admin", groups: []string{"shipmate:cluster-admins"}},
			{file: "controller-manager", name: "system:kube-controller-manager"},
			{file: "scheduler", name: "system:kube-scheduler"},
			{file: "proxy", name: "system:kube-proxy"},
			{file: "node", name: "system:node:" + node.Name, groups: []string{"system:nodes"}},
		}},
		{"etcd-ca", []leaf{
			{file: "etcd", name: "etcd", hosts: []string{"localhost", "127.0.0.1"}},
			{file: "apiserver-etcd-client", name: "kube-apiserver-etcd-client"},
		}},
		{"front-proxy-ca", []leaf{{file: "front-proxy-client", name: "front-proxy-client"}}},
	}
	for _, group := range issues {
		ca, err := loadAuthority(group.authority)
		if err != nil {
			return err
		}
		for _, l := range group.leaves {
			if err := ca.issue(l); err != nil {
				return err
			}
		}
	}
	for _, user := range []string{bootstrap, person, "controller-manager", "scheduler", "proxy", "node"} {
		if err := writeKubeconfig(user); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfigPath(user string) string {
	return filepath.Join(configDir, user+".conf")
}

// writeKubeconfig writes JSON, which every reader of kubeconfigs takes since it is YAML as well.
func writeKubeconfig(user string) error {
	embed := func(file string) (string, error) {
		data, err := os.ReadFile(filepath.Join(pkiDir, file))
		return base64.StdEncoding.EncodeToString(data), err
	}
	ca, err := embed("ca.crt")
	if err != nil {
		return err
	}
	cert, err := embed(user + ".crt")
	if err != nil {
		return err
	}
	key, err := embed(user + ".key")
	if err != nil {
		return err
	}
	type m = map[string]any
	text, err := json.Marshal(m{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "node",
		"clusters":        []m{{"name": "node", "cluster": m{"server": "https://127.0.0.1:6443", "certificate-authority-data": ca}}},
		"users":           []m{{"name": user, "user": m{"client-certificate-data": cert, "client-key-data": key}}},
		"contexts":        []m{{"name": "node", "context": m{"cluster": "node", "user": user}}},
	})
	if err != nil {
		return err
	}
	return writeFile(kubeconfigPath(user), text, 0o600)
}
