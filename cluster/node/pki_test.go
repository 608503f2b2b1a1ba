package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

func certificate(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(pkiDir, file))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func inTemporaryFolders(t *testing.T) {
	t.Helper()
	oldConfig, oldPKI := configDir, pkiDir
	t.Cleanup(func() { configDir, pkiDir = oldConfig, oldPKI })
	configDir = t.TempDir()
	pkiDir = filepath.Join(configDir, "pki")
}

func TestAuthoritiesStayAndCertificatesAreMadeAnewForTheAddressOfTheDay(t *testing.T) {
	inTemporaryFolders(t)
	for _, address := range []string{"172.17.0.2", "172.17.0.9"} {
		if err := writeIdentities(Node{Name: "n", Address: address}); err != nil {
			t.Fatal(err)
		}
		if err := certificate(t, "apiserver.crt").VerifyHostname(address); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate(t, "ca.crt"))
	options := x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := certificate(t, "admin.crt").Verify(options); err != nil {
		t.Fatal(err)
	}
	if _, err := certificate(t, "etcd.crt").Verify(options); err == nil {
		t.Fatal("etcd must trust an authority of its own")
	}
}

func TestOnlyTheIdentityThatStaysInTheNodeIsInSystemMasters(t *testing.T) {
	inTemporaryFolders(t)
	if err := writeIdentities(Node{Name: "n", Address: "172.17.0.2"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"admin", "node", "proxy", "scheduler", "controller-manager", "apiserver-kubelet-client"} {
		for _, group := range certificate(t, name+".crt").Subject.Organization {
			if group == "system:masters" {
				t.Errorf("%s is in system:masters", name)
			}
		}
	}
}

func TestKeysAreReadableByRootOnly(t *testing.T) {
	inTemporaryFolders(t)
	if err := writeIdentities(Node{Name: "n", Address: "172.17.0.2"}); err != nil {
		t.Fatal(err)
	}
	keys, _ := filepath.Glob(filepath.Join(pkiDir, "*.key"))
	for _, key := range append(keys, kubeconfigPath(person)) {
		info, err := os.Stat(key)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Error(key, info, err)
		}
	}
	var config map[string]any
	text, _ := os.ReadFile(kubeconfigPath(person))
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
}
