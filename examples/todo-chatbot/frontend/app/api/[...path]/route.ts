import { proxy } from "@/lib/proxy";

async function handle(request: Request, context: { params: Promise<{ path: string[] }> }): Promise<Response> {
  return proxy(request, (await context.params).path.join("/"));
}

export { handle as DELETE, handle as GET, handle as PATCH, handle as POST };
