package main

// component is one program that the supervisor keeps running.
type component struct {
	name string
	argv []string
}

// components lists the node's programs in the order in which they are started.
func components(node Node) []component {
	pki := func(file string) string { return pkiDir + "/" + file }
	return []component{
		{"registry", []string{"docker-registry", "serve", "/etc/docker/registry/config.yml"}},
		{"containerd", []string{"containerd"}},
		{"etcd", []string{"etcd", "--data-dir=/var/lib/etcd", "--name=" + node.Name,
			"--listen-client-urls=https://127.0.0.1:2379", "--advertise-client-urls=https://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380", "--log-level=warn",
			"--cert-file=" + pki("etcd.crt"), "--key-file=" + pki("etcd.key"),
			"--client-cert-auth", "--trusted-ca-file=" + pki("etcd-ca.crt"),
			"--auto-compaction-mode=periodic", "--auto-compaction-retention=1h"}},
		{"kube-apiserver", apiServer(node, pki)},
		{"kube-controller-manager", []string{"kube-controller-manager",
			"--kubeconfig=" + kubeconfigPath("controller-manager"),
			"--authentication-kubeconfig=" + kubeconfigPath("controller-manager"),
			"--authorization-kubeconfig=" + kubeconfigPath("controller-manager"),
			"--use-service-account-credentials", "--service-account-private-key-file=" + pki("sa.key"),
			"--root-ca-file=" + pki("ca.crt"),
			"--cluster-signing-cert-file=" + pki("ca.crt"), "--cluster-signing-key-file=" + pki("ca.key"),
			"--bind-address=127.0.0.1", "--leader-elect=false", "--allocate-node-cidrs=false",
			// A cluster to learn and test on: react to load in seconds, the default is 15.
			"--horizontal-pod-autoscaler-sync-period=5s"}},
		{"kube-scheduler", []string{"kube-scheduler", "--kubeconfig=" + kubeconfigPath("scheduler"),
			"--authentication-kubeconfig=" + kubeconfigPath("scheduler"),
			"--authorization-kubeconfig=" + kubeconfigPath("scheduler"),
			"--bind-address=127.0.0.1", "--leader-elect=false"}},
		{"kubelet", []string{"kubelet", "--config=" + configDir + "/kubelet.yaml",
			"--kubeconfig=" + kubeconfigPath("node"), "--hostname-override=" + node.Name, "--node-ip=" + node.Address}},
		{"kube-proxy", []string{"kube-proxy", "--config=" + configDir + "/proxy.yaml",
			"--hostname-override=" + node.Name}},
	}
}

func apiServer(node Node, pki func(string) string) []string {
	return []string{"kube-apiserver",
		"--advertise-address=" + node.Address, "--secure-port=6443", "--service-cluster-ip-range=" + serviceRange,
		"--etcd-servers=https://127.0.0.1:2379", "--etcd-cafile=" + pki("etcd-ca.crt"),
		"--etcd-certfile=" + pki("apiserver-etcd-client.crt"), "--etcd-keyfile=" + pki("apiserver-etcd-client.key"),
		"--client-ca-file=" + pki("ca.crt"),
		"--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + pki("sa.pub"), "--service-account-signing-key-file=" + pki("sa.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged",
		"--kubelet-certificate-authority=" + pki("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP,Hostname",
		"--kubelet-client-certificate=" + pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + pki("apiserver-kubelet-client.key"),
		"--requestheader-client-ca-file=" + pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + pki("front-proxy-client.key"),
		"--audit-policy-file=" + configDir + "/audit-policy.yaml", "--audit-log-path=" + logDir + "/audit.log",
		"--audit-log-maxsize=50", "--audit-log-maxbackup=4",
	}
}
