// Binary addons holds the cluster's small services and Helm; which one runs is told by the name it is started as, or
// by its first argument.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	_ "github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/rewrite"
	helm "helm.sh/helm/v4/pkg/cmd"
)

func main() {
	name := filepath.Base(os.Args[0])
	if name == "addons" && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		name = os.Args[0]
	}
	var err error
	switch name {
	case "coredns":
		coremain.Run()
	case "helm":
		err = runHelm()
	case "local-volumes":
		err = provisionVolumes()
	default:
		err = fmt.Errorf("addons holds coredns, helm and local-volumes, not %q", name)
	}
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func runHelm() error {
	cmd, err := helm.NewRootCmd(os.Stdout, os.Args[1:], helm.SetupLogging)
	if err != nil {
		return err
	}
	if cmd.Execute() != nil {
		os.Exit(1) // Helm has printed the reason
	}
	return nil
}
