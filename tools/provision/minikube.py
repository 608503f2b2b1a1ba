class Minikube:
    name = "minikube"
    def installed(self): return False
