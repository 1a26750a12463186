import { anyOf, Image, ImagePage, imageStates } from '../../openapi/model/index.ts'
import { collectionRoutes } from '../collection.ts'

export default collectionRoutes({
  service: 'images',
  name: 'Image',
  tag: 'Images',
  plural: 'images',
  model: Image,
  page: ImagePage,
  filters: {
    state: anyOf('Only these states.', imageStates),
    visibility: anyOf('Only these.', ['public', 'private', 'shared', 'community']),
    architecture: anyOf('Only these architectures.')
  }
})
